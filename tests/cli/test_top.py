"""The essentials in a terminal, and in red what is wrong."""

import json
import re
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from rich.live import Live as Screen

from crepe.cli.output import Output
from crepe.cli.top import draw, run, state
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.session_view import SessionView
from crepe.electrodes.layouts import grid_labels
from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Message, Spikes, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry

ARMED = {"can_stimulate": True, "refusal": None}


@pytest.fixture
def live(monkeypatch):
    def never():
        raise AssertionError("nothing is read here")

    found = SessionFollower(never, never, never, 2.0)
    found.session_view = SessionView("s", {"title": "A game"})
    infos = {"data:spikes": "Spikes", "result:game": "GameState", "result:delivered": "Delivered"}
    found.session_view.learn(
        {name: StreamInfo(kind, labels=grid_labels(60)) for name, kind in infos.items()}
    )
    return found


def take(live: SessionFollower, stream: str, message: Message) -> None:
    payload = codec.pack([message], message.start, message.stop)
    live.session_view.take(stream, Entry(message.start, message.stop, payload))


def text(live, armed=ARMED):
    console = Console(width=120)
    with console.capture() as shown:
        console.print(draw(live, armed))
    return shown.get()


def test_a_screen_shows_the_state_of_the_experiment(live):
    channel = np.zeros(120, np.int32)
    sample = np.arange(120) * 80
    take(live, "data:spikes", Spikes(0, 10_000, channel, sample, np.zeros(120, np.float32)))
    take(live, "result:game", GameState(0, 10_000, 4, "response", score={"won": 3}))
    take(live, "result:delivered", Delivered(0, 9000, 1, "delivered", fired=500, age_ms=55.0))
    take(live, "result:delivered", Delivered(9000, 9500, 2, "refused", "not armed; `crepe arm`"))
    live.programs = [
        {
            "program": "detect", "state": "stale for 7 s", "pid": 7, "up/s": 12, "restarts": 2,
            "position": 9000, "lag": 1000, "p50/ms": 0.5, "p99/ms": 2.5,
        }
    ]  # fmt: skip
    found = text(live)
    for words in (
        "A game",
        "1.0 s",
        "2.0 per second and channel; most 120",
        "trial 4, response",
        "won 3",
        "p50 55.0 ms",
        "1 delivered, 1 refused",
        "not armed",
        "stale for 7 s",
    ):
        assert words in found
    (row,) = [line.split() for line in found.splitlines() if line.strip().startswith("detect")]
    assert row[-5:] == ["100", "0.5", "2.5", "2", "12"]


def row(name, state="running"):
    counted = {"pid": 7, "up/s": 86_000, "restarts": 0, "position": 9000, "lag": 100, "missing": 0}
    return {"program": name, "state": state, **counted, "p50/ms": 0.511, "p99/ms": 12.512}


def on_a_terminal(live):
    """The lines of the moving screen on a terminal of 80x24."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24, color_system=None)
    with Screen(console=console, screen=True, auto_refresh=False) as screen:
        screen.update(draw(live, ARMED, console), refresh=True)
    return [line.rstrip() for line in re.sub(r"\x1b\[[?\d;]*\w", "", out.getvalue()).splitlines()]


def test_a_small_terminal_shows_first_what_does_not_run_and_counts_what_it_has_no_room_for(live):
    take(live, "result:game", GameState(0, 10_000, 4, "response", score={"won": 3}))
    reason = "not armed: `crepe arm` lets it stimulate, for so many minutes as are asked for by you"
    take(live, "result:delivered", Delivered(9000, 9500, 2, "refused", reason))
    live.programs = [row(f"program{i}") for i in range(14)]
    live.programs += [row("decode", "waiting for data:spikes"), row("detect", "stale for 7 s")]
    lines = on_a_terminal(live)
    assert len(lines) <= 24
    first = next(i for i, line in enumerate(lines) if line.split()[:1] == ["program"]) + 1
    assert [line.split()[0] for line in lines[first : first + 3]] == [
        "decode",
        "detect",
        "program0",
    ]
    assert lines[first + 1].split() == "detect stale for 7 s 10 0.5 12.5 0 86000".split()
    n_shown = sum(line.strip().startswith("program") for line in lines[first:]) + 2
    assert lines[-1].split() == [str(16 - n_shown), "more", "all", "running"]
    live.programs = live.programs[:5]
    assert not any("more" in line for line in on_a_terminal(live))


def test_a_screen_shows_why_nothing_is_stimulated(live):
    assert "stopped by page" in text(live, {"can_stimulate": True, "refusal": "stopped by page"})


def test_without_an_experiment_the_error_names_the_command_to_start_one(monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    with pytest.raises(ConfigError, match="crepe up"):
        run(Output(), once=True)


def test_the_document_holds_what_the_screen_shows_and_why_nothing_is_stimulated(live):
    take(live, "result:game", GameState(0, 10_000, 4, "response", score={"won": 3}))
    for number in range(4):
        refused = Delivered(0, 9000 + number, number, "refused", "310 ms old, limit 200 ms")
        take(live, "result:delivered", refused)
    live.programs = [row("detect", "stale for 7 s")]
    document = json.loads(json.dumps(state(live, ARMED)))
    assert (document["title"], document["trial"], document["score"]) == ("A game", 4, {"won": 3})
    assert (document["n_refused"], document["time_s"]) == (4, 1.0)
    assert document["programs"][0]["state"] == "stale for 7 s"
    assert document["notice"].startswith("4 of 4 stimuli were too late")
    assert "4 of 4 stimuli were too late" in text(live)
