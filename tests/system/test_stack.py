"""The default experiment under supervisord: killed in all its parts, it loses and doubles nothing."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import urllib3

from crepe.environment import paths
from crepe.messages import Command, Delivered, GameState, Stimulus
from crepe.store import Store
from tests.system.conftest import changed

ROOT = Path(__file__).parent.parent.parent
CREPE = [sys.executable, "-m", "crepe"]
SEGMENT = 100


def has_grown(store, name, since):
    return name in store and len(store[name]) > since


def are_back(rows, killed):
    return all(rows.get(name, {}).get("pid") not in (0, None, pid) for name, pid in killed.items())


def are_running(rows, killed):
    return all(
        rows[name]["state"] == "running" and rows[name]["pid"] != killed[name] for name in killed
    )


def test_killing_every_program_in_turn_loses_nothing_and_doubles_nothing(stack):
    stack.crepe("up", str(ROOT / "config" / "rps.toml"), "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "result:game", 0))
        turns = "culture acquire pipeline game stimulate record redis".split()
        others = [name for name in stack.rows() if name not in turns]
        for names in [*([name] for name in turns), others]:
            before = len(store["data"])
            killed = {name: stack.rows()[name]["pid"] for name in names}
            for pid in killed.values():
                os.kill(pid, signal.SIGKILL)
            stack.wait(lambda killed=killed: are_back(stack.rows(), killed))
            for stream in ("data", "data:spikes", "result"):
                stack.wait(lambda s=stream, n=before: has_grown(store, s, n + 3000))
        data = store["data"]
        gaps = data.gaps()
        times = np.array(data.times_ns(0, len(data)))
        check_gaps_follow_the_clock(data, gaps, times)
        for name in ("data:filtered", "data:spikes", "result"):
            windows = [(m.start, m.stop) for m in store[name].messages(0, len(store[name]))]
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(windows)), name
            for start, stop in store[name].gaps():
                assert any(a - SEGMENT <= start and stop <= b + SEGMENT for a, b in gaps), (
                    name,
                    start,
                    stop,
                    gaps,
                )
        acquired = data.read(0, len(data), fill=0)
        ran = store["data:filtered"].read(0, len(store["data:filtered"]), fill=np.nan)
    stack.crepe("down")
    (recording,) = (stack.var / "recordings").glob("*.h5")
    with Store(recording) as kept:
        n = min(len(kept["data"]), acquired.shape[1])
        np.testing.assert_array_equal(kept["data"].read(0, n, fill=0), acquired[:, :n])
        # Not recorded: computed as it ran, across kills of its program and gaps of its input.
        n = min(n, ran.shape[1])
        computed = kept["data:filtered"].read(0, n, fill=np.nan)
        is_known = ~np.isnan(ran[:, :n]) & ~np.isnan(computed)
        assert is_known.mean() > 0.5
        assert np.abs(computed - ran[:, :n])[is_known].max() <= 1e-3  # microvolts
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
        # An outage lasts seconds; how well its length is known is tested on a simulated clock.
        assert abs(after - before) < 500, (start, stop, before, after)
        (segment, *_) = data.messages(stop, stop + 1)
        assert segment.is_estimated
        assert (stop - start) % SEGMENT == 0


def test_a_file_without_a_game_plays_for_so_many_seconds_of_data(stack):
    done = stack.crepe("play", str(ROOT / "config" / "record.toml"), "--seconds", "2", "--json")
    document = json.loads(done.stdout)
    assert document["has_ended"]
    assert document["seconds"] == pytest.approx(2.0, abs=0.2)  # a busy machine may miss some
    assert document["n_spikes"] == sum(document["spikes"].values()) > 0
    assert "no game in " in done.stderr
    with Store(Path(document["recording"])) as kept:
        assert len(kept["data"]) >= 20_000


def test_playing_in_lockstep_ends_cleanly_and_without_a_refusal_on_a_busy_machine(stack):
    done = stack.crepe("play", "--rounds", "2", "--seed", "5", "--lockstep", "--json")
    document = json.loads(done.stdout)
    assert (document["n_finished"], document["refused"], document["notice"]) == (2, [], "")
    assert document["latencies"] == {"acquired to decided": "-", "acquired to stimulated": "-"}
    with Store(Path(document["recording"])) as kept:
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
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "result:game", 0))
    game.send_signal(signal.SIGINT)
    output, _ = game.communicate()
    assert game.returncode == 130
    assert "interrupted" in output
    (path,) = (stack.var / "recordings").glob("*.h5")
    with Store(path) as kept:
        assert len(kept["data"]) > 0


def test_a_cut_off_session_is_resumed_or_given_up_as_asked(stack, tmp_path):
    """With the simulator, whose address the killed one leaves behind."""
    fewer = dict.fromkeys(("dashboard", "actors.describe", "actors.annotate"))
    kept = {
        "actors.record.reads": ["data", "data:spikes"],
        "chains.pipeline.actors": ["channels", "filter", "detect"],
    }
    path = changed(tmp_path, "record.toml", fewer | kept)
    stack.crepe("up", path, "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data:spikes", 20_000))
        session, length = store["data"].info.session, len(store["data"])
    for pid in stack.pids():
        os.kill(pid, signal.SIGKILL)
    stack.wait(lambda: not stack.pids())
    refused = stack.crepe("up", path, check=False)
    assert refused.returncode == 1
    assert session in refused.stderr
    assert "--resume" in refused.stderr
    stack.crepe("up", path, "--resume")
    assert {row["state"] for row in stack.rows().values()} == {"running"}
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data:spikes", length))
        assert store["data"].info.session == session
    stack.crepe("down")
    stack.crepe("up", path)
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data", 0))
        assert store["data"].info.session != session
        assert store["data"].first == 0


def test_a_program_that_hangs_is_shown_as_stale_and_goes_on_without_a_loss(stack, small):
    stack.crepe("up", small, "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data:spikes", 0))
        pid = stack.rows()["detect"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            hung = stack.wait(
                lambda: [r for r in stack.rows().values() if r["state"].startswith("stale")]
            )
            behind = len(store["data"])
        finally:
            os.kill(pid, signal.SIGCONT)
        assert [row["program"] for row in hung] == ["detect"]
        stack.wait(lambda: has_grown(store, "data:spikes", behind))
        row = stack.wait(lambda: (r := stack.rows()["detect"])["state"] == "running" and r)
        assert (row["pid"], row["restarts"]) == (pid, 0)
        for name in ("data", "data:spikes"):
            assert (store[name].first, store[name].gaps()) == (0, [])


RECORDING = ROOT.parent / "shared" / "data" / "mcs-standard-all-500hz.h5"


@pytest.mark.skipif(not RECORDING.is_file(), reason=f"no real recording at {RECORDING}")
def test_a_real_recording_runs_through_the_same_actors(stack):
    done = stack.crepe("play", "--file", str(RECORDING))
    assert "8 channels at 500 Hz, band 50 to 225 Hz" in done.stdout
    assert "8 channels, 19.60 s of data, no gaps, " in done.stdout
    kept = Path(done.stdout.split("recording: ")[1].strip())
    with Store(kept) as store:
        data, spikes = store["data"], store["data:spikes"]
        assert len(data) == len(spikes)
        n_spikes = sum(len(m.sample) for m in spikes.messages(0, len(spikes)))
    assert f" {n_spikes} spikes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["play", "--file", "nowhere.h5"], "nowhere.h5: does not exist"),
        (["play", "--file", str(ROOT / "README.md")], "not an HDF5 file"),
        (["play", "nowhere.toml"], "nowhere.toml: no such experiment file"),
        (["run", "pipelin"], "no program 'pipelin'; did you mean 'pipeline'?"),
        (["gesture", "rock"], "no CREPE is running"),
        (["sensor", "rock"], "no sensor gateway runs"),
        (["redis-cli", "PING"], "no CREPE is running"),
        (["up", "--resume", "nowhere.toml"], "no such experiment file"),
    ],
)
def test_bad_input_is_one_line_that_says_what_is_wrong(stack, arguments, error):
    done = stack.crepe(*arguments, check=False)
    assert done.returncode == 1
    assert error in done.stderr
    assert done.stderr.startswith("crepe: ")
    assert len(done.stderr.splitlines()) == 1


REFUSED_BY_THE_GAME = {
    "gesture papr": "gesture: refused: 'papr' is no gesture; did you mean 'paper'?",
    "say condition shan": "condition: refused: 'shan' is no condition of this game; "
    "did you mean 'sham'?",
    "say paus": "'paus' is no command; did you mean 'pause'?",
}


def test_a_person_plays_and_five_actors_share_a_process(stack, tmp_path):
    changes = {
        **dict.fromkeys(("dashboard", "sensor", "simulated_sensor")),
        "actors.game.player": "person",
        "actors.game.n_trials": 1,
    }
    stack.crepe("up", changed(tmp_path, "rps.toml", changes), "--new")
    assert {"pipeline", "game"} <= set(stack.rows())
    assert not {"channels", "filter", "detect", "decode", "annotate"} & set(stack.rows())
    with Store(patience_s=30) as store:
        stack.wait(lambda: "result:game" in store)
        game = store["result:game"]

        def phases():
            return [m.phase for m in game.messages(0, len(game)) if isinstance(m, GameState)]

        stack.wait(lambda: "waiting" in phases())
        for arguments, refused in REFUSED_BY_THE_GAME.items():
            done = stack.crepe(*arguments.split(), check=False)
            assert (done.returncode, done.stderr) == (1, f"crepe: {refused}\n")
        assert stack.crepe("gesture", "paper").stdout == "trial 1: shown paper\n"
        stack.wait(lambda: game.is_ended)
        states = [m for m in game.messages(0, len(game)) if isinstance(m, GameState)]
        assert [m.gesture for m in states if m.phase == "outcome"] == ["paper"]
        late = stack.crepe("say", "pause", check=False)
        assert late.stderr.endswith("its game is over\n")
        filtered, spikes = store["data:filtered"], store["data:spikes"]
        assert filtered.gaps() == spikes.gaps() == []


def test_frames_posted_to_the_door_become_stimuli_and_answers(stack, tmp_path):
    changes = {"dashboard": None, "simulated_sensor": None, "actors.game.n_trials": 2}
    stack.crepe("up", changed(tmp_path, "rps.toml", changes), "--new")
    shown = stack.crepe("sensor", "none", "rock", "scissors").stdout.splitlines()
    assert shown[0] == "shown None: no hand in the frame"
    assert shown[1].startswith("trial 1: shown Rock, decoded ")
    assert shown[2].startswith("trial 2: shown Scissor, decoded ")
    decoded = shown[2].split("decoded ")[1].split(",")[0]
    gateway = stack.server("sensor")
    headers = {"Authorization": f"Bearer {gateway['token']}"}

    def get(name):
        url = f"{gateway['url']}/hw-api/{name}/"
        response = urllib3.request("GET", url, headers=headers, retries=False)
        return response.status, response.data.decode()

    assert get("ready") == (200, "True")
    assert get("output") == (200, decoded)
    with Store(patience_s=30) as store:
        stack.wait(lambda: store["result:game"].is_ended)
    late = stack.crepe("sensor", "paper", check=False)
    assert (late.returncode, late.stdout) == (1, "shown Paper: the game is over\n")
    os.kill(gateway["pid"], signal.SIGKILL)
    stack.wait(lambda: are_running(stack.rows(), {"sensor": gateway["pid"]}))
    stack.wait(lambda: get("output") == (200, decoded))
    stack.crepe("down")
    assert not (paths.run_directory(stack.var) / "sensor.json").exists()
    (recording,) = (stack.var / "recordings").glob("*.h5")
    with Store(recording) as kept:

        def messages(name, kind):
            return [m for m in kept[name].messages(0, len(kept[name])) if isinstance(m, kind)]

        inputs = messages("result:input", Command)
        assert next(c.value for c in inputs if c.name == "gesture") == "rock"
        assert all(np.shape(c.frame) == (8, 8) for c in inputs)
        assert [s.meaning for s in messages("result:stimuli", Stimulus)] == ["rock", "scissors"]
        outcomes = [s for s in messages("result:game", GameState) if s.phase == "outcome"]
        assert [s.gesture for s in outcomes] == ["rock", "scissors"]
        assert {s.shown_by for s in outcomes} <= {c.sender for c in inputs}
