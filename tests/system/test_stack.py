"""The default experiment under supervisord: killed in all its parts, it loses and doubles nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from crepe.messages import Delivered, GameState
from crepe.store import Store

ROOT = Path(__file__).parent.parent.parent
CREPE = [sys.executable, "-m", "crepe"]
SEGMENT = 100

pytestmark = pytest.mark.timeout(240)


class Stack:
    """CREPE in a run-time directory of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.environment = {**os.environ, "CREPE_VAR": str(var)}

    def crepe(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*CREPE, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def rows(self) -> dict[str, dict]:
        done = self.crepe("status", "--json", check=False)
        return {row["program"]: row for row in json.loads(done.stdout or "[]")}

    def pids(self) -> list[int]:
        found = []
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("CREPE_VAR") == str(self.var):
                found.append(process.pid)
        return found

    def wait(self, is_so, seconds=40.0):
        deadline = time.monotonic() + seconds
        while not (found := is_so()):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)
        return found

    def logs(self) -> str:
        return "\n".join(f"{p.name}: {p.read_text()[-800:]}" for p in (self.var / "log").glob("*"))


@pytest.fixture
def stack(tmp_path, monkeypatch) -> Iterator[Stack]:
    found = Stack(tmp_path / "a run %d é")
    monkeypatch.setenv("CREPE_VAR", str(found.var))
    yield found
    found.crepe("down", check=False)
    assert found.pids() == []


def has_grown(store, name, since):
    return name in store and len(store[name]) > since


def test_killing_every_program_in_turn_loses_nothing_and_doubles_nothing(stack):
    stack.crepe("up", str(ROOT / "config" / "rps.toml"), "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "result:game", 0))
        names = ["culture", "acquire", "filter", "detect", "decode", "game", "stimulate", "record"]
        for name in [*names, "redis"]:
            pid = stack.wait(lambda name=name: stack.rows().get(name, {}).get("pid"))
            before = len(store["data"])
            os.kill(pid, signal.SIGKILL)
            stack.wait(
                lambda name=name, pid=pid: (
                    stack.rows().get(name, {}).get("pid") not in (0, None, pid)
                )
            )
            for stream in ("data", "data:spikes", "result"):
                stack.wait(lambda s=stream, n=before: has_grown(store, s, n + 10_000))
        data = store["data"]
        gaps = data.gaps()
        times = np.array(data.times_ns(0, len(data)))
        check_gaps_follow_the_clock(data, gaps, times)
        for name in ("data:filtered", "data:spikes", "result"):
            stops = [stop for stop, _ in store[name].times_ns(0, len(store[name]))]
            assert len(stops) == len(set(stops))
            for start, stop in store[name].gaps():
                assert any(a - SEGMENT <= start and stop <= b + SEGMENT for a, b in gaps), (
                    name,
                    start,
                    stop,
                    gaps,
                )
        acquired = data.read(0, len(data), fill=0)
    stack.crepe("down")
    (recording,) = (stack.var / "recordings").glob("*.h5")
    with Store(recording) as kept:
        n = min(len(kept["data"]), acquired.shape[1])
        np.testing.assert_array_equal(kept["data"].read(0, n, fill=0), acquired[:, :n])
        numbers = [
            m.number
            for m in kept["result:delivered"].messages(0, n)
            if isinstance(m, Delivered) and m.state == "delivered"
        ]
        assert len(numbers) == len(set(numbers))


def check_gaps_follow_the_clock(data, gaps, times):
    """Losing the instrument or its server leaves marked gaps as long as the clock says."""
    assert 1 <= len(gaps) <= 2, gaps
    rate_hz = data.info.sampling_rate_hz
    lead_ms = times[:, 1] / 1e6 - times[:, 0] / rate_hz * 1e3
    for start, stop in gaps:
        at = int(np.searchsorted(times[:, 0], stop, side="right"))
        before = lead_ms[max(0, at - 100) : at].min()
        after = lead_ms[at : at + 100].min()
        assert abs(after - before) < 30, (start, stop, before, after)
        (segment, *_) = data.messages(stop, stop + 1)
        assert segment.is_estimated
        assert (stop - start) % SEGMENT == 0


def test_playing_ends_cleanly_and_says_where_the_recording_is(stack):
    done = stack.crepe("play", "--rounds", "2", "--seed", "5")
    assert "2 of 2 trials" in done.stdout
    path = Path(done.stdout.split("recording: ")[1].strip())
    with Store(path) as kept:
        game = kept["result:game"]
        states = [m for m in game.messages(0, len(game)) if isinstance(m, GameState)]
        assert [s.phase for s in states][-2:] == ["outcome", "over"]
        assert kept["data"].gaps() == []
        assert kept["data"].info.is_simulated


def test_interrupted_play_leaves_no_process_and_a_readable_recording(stack):
    game = subprocess.Popen(
        [*CREPE, "play"], env=stack.environment, stdout=subprocess.PIPE, text=True
    )
    stack.wait(lambda: any((stack.var / "recordings").glob("*.h5")))
    time.sleep(2)
    game.send_signal(signal.SIGINT)
    said, _ = game.communicate(timeout=60)
    assert game.returncode == 1
    assert "interrupted" in said
    (path,) = (stack.var / "recordings").glob("*.h5")
    with Store(path) as kept:
        assert len(kept["data"]) > 0


def test_a_cut_off_session_is_resumed_or_given_up_as_asked(stack):
    stack.crepe("up", str(ROOT / "config" / "record.toml"), "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data:spikes", 20_000))
        session, length = store["data"].info.session, len(store["data"])
    for pid in stack.pids():
        os.kill(pid, signal.SIGKILL)
    stack.wait(lambda: not stack.pids())
    asked = stack.crepe("up", str(ROOT / "config" / "record.toml"), check=False)
    assert asked.returncode == 1
    assert session in asked.stdout
    assert "--resume" in asked.stderr
    stack.crepe("up", str(ROOT / "config" / "record.toml"), "--resume")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data:spikes", length))
        assert store["data"].info.session == session
    stack.crepe("down")
    stack.crepe("up", str(ROOT / "config" / "record.toml"))
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data", 0))
        assert store["data"].info.session != session
        assert store["data"].first == 0
