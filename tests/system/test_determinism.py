"""One experiment file and one seed: the same in one process, through Redis, and in a replay."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.conditions import SILENCED
from crepe.config.experiment import load_experiment, save_experiment
from crepe.environment import paths
from crepe.runtime.loop import Loop
from crepe.runtime.verify import verify
from crepe.store import Store
from crepe.study.plan import Plan
from crepe.study.runs import live
from tests.system.conftest import LIGHT

BRIEF = LIGHT | {
    "dashboard": None,
    "actors.stimulate.stall_s": 1.0,  # a busy machine is late
    "actors.stimulate.silence_s": 2.0,
    "calibration": {"n_blocks": 3, "n_trials": 6, "rest_s": 0.5},  # a busy machine refuses some
    "conditions": {
        "names": ["stimulation", SILENCED], "n_blocks": 1, "n_trials": 3, "rest_s": 0.5,
    },
    "actors.record.reads": [
        "data", "data:spikes", "result", "result:shuffled", "result:game", "result:stimuli",
        "result:delivered",
    ],
}  # fmt: skip
LOCKSTEP = {
    "culture.simulated.lockstep_s": 0.05,
    "chains": {"instrument": {"actors": ["acquire", "stimulate"]}},
}
DECIDED = ("result", "result:shuffled", "result:game", "result:stimuli")


def shipped(name):
    return paths.project_directory() / "config" / name


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A brief experiment in real time, by the command: its file, what it printed, its recording."""
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("lived")
        patch.setenv("CREPE_VAR", str(directory / "var"))
        brief = load_experiment(shipped("rps-controls.toml"), BRIEF)
        path = save_experiment(brief, directory / "brief.json").path
        done = CliRunner().invoke(app, ["experiment", str(path), "--live", "--json"])
        assert done.exit_code == 0, done.output
        result = json.loads(done.stdout)
        yield path, result, directory / "var" / "recordings" / f"{result['session']}.h5"


def of_conditions(lived, path=None, *, in_lockstep=False):
    """The experiment whose recording that is, or with its readout that of another file."""
    lived_path, result, _ = lived
    readout = Path(result["calibration"]["readout"])
    shuffled = readout.with_name(f"{readout.stem}-shuffled.h5")
    return Plan(path or lived_path, in_lockstep=in_lockstep).conditions(readout, shuffled)


def assert_same(first, other, streams, least=3):
    """Up to the end of the game, message by message."""
    stop = len(first["result:game"])
    for name in streams:
        messages, expected = ([repr(m) for m in s[name].messages(0, stop)] for s in (first, other))
        assert len(messages) > least
        assert messages == expected


def fired(store):
    stream = store["result:delivered"]
    delivered = stream.messages(0, len(stream))
    return [(m.number, m.state, m.fired) for m in delivered if m.fired]


def test_an_experiment_in_real_time_prints_what_one_in_a_process_does(lived):
    _, result, _ = lived
    assert result["is_simulated"] is True
    calibration, conditions = result["calibration"], result["conditions"]
    assert calibration["n_trials"] + calibration["n_left_out"] == 18
    assert {name: c["n_trials"] + c["n_left_out"] for name, c in conditions.items()} == {
        "stimulation": 3, SILENCED: 3,
    }  # fmt: skip


def test_a_session_recorded_live_decides_and_stimulates_again_as_it_did(lived, tmp_path):
    recording = lived[2]
    path = save_experiment(of_conditions(lived), tmp_path / "conditions.json").path
    replayed = load_experiment(
        path,
        {
            "actors.acquire.device": f"hdf5://{recording}?speed=0",
            "actors.stimulate.device": "none://",
            "culture.simulated": None,
            "actors.record": None,
            "actors.annotate": None,
            "chains": {},
        },
    )
    again = Store(Loop(replayed).run(until="result:game"))
    assert_same(Store(recording), again, DECIDED)


def test_a_recording_in_real_time_is_identical_when_it_is_replayed(lived):
    result = verify(lived[2], lived[2].parent)
    assert result.difference is None
    assert set(DECIDED) <= result.n_compared.keys()


def test_a_calibrated_readout_in_lockstep_decides_as_in_one_process(lived, tmp_path, monkeypatch):
    """One adapts, one takes its weights in turn; the cells of one block do not fire."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    short = load_experiment(lived[0], {"actors.acquire.segment_samples": 100})
    path = save_experiment(short, tmp_path / "short.json").path
    conditions = of_conditions(lived, path, in_lockstep=True)
    path = save_experiment(conditions, tmp_path / "conditions.json").path
    adapting = {"actors.decode.forgetting": 0.99, "actors.decode.feedback": {"result:game": 1.0}}
    states = play_twice(load_experiment(path, adapting), DECIDED)
    judged = [s for s in states if s.phase == "outcome"]
    assert sorted(s.condition for s in judged) == [SILENCED] * 3 + ["stimulation"] * 3
    assert all(s.decoded for s in judged)


def play_twice(experiment, streams=("result", "result:game", "result:stimuli")):
    """Play an experiment both ways and compare; returns the states through Redis."""
    one_process = Store(Loop(experiment).run(until="result:game"))
    states = []
    through_redis = live(experiment, states.append).store
    assert_same(through_redis, one_process, streams)
    assert len(through_redis["result:game"]) == len(one_process["result:game"])
    assert len(fired(through_redis)) >= 3
    assert fired(through_redis) == fired(one_process)
    return states
