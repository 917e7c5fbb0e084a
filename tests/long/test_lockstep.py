"""Shipped experiments in lock-step through Redis are those of one process, message by message."""

from crepe.config.experiment import load_experiment
from crepe.runtime.verify import verify
from tests.system.test_determinism import LOCKSTEP, play_twice, shipped

SCRIPTED = {"simulated_sensor": None, "sensor": None, "actors.game.player": "script"}


def test_the_default_in_lockstep_decides_and_stimulates_as_one_process_does(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    changes = {**SCRIPTED, **LOCKSTEP, "actors.game.n_trials": 4}
    states = play_twice(load_experiment(shipped("rps.toml"), changes))
    assert [s.trial for s in states if s.phase == "outcome"] == [1, 2, 3, 4]


def test_pong_in_lockstep_through_redis_is_the_pong_of_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    experiment = load_experiment(shipped("pong.toml"), {**LOCKSTEP, "actors.game.session_s": 8.0})
    states = play_twice(experiment, ("result", "result:game", "result:stimuli", "result:court"))
    assert [s.outcome for s in states if s.phase == "outcome"]
    assert states[-1].phase == "over"


def test_recordings_made_through_redis_are_identical_when_they_are_replayed(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    changes = {**LOCKSTEP, "dashboard": None}
    cartpole = load_experiment(shipped("cartpole.toml"), {**changes, "actors.game.session_s": 8.0})
    states = play_twice(cartpole, ("result", "result:game", "result:stimuli", "result:steps"))
    assert [s.outcome for s in states if s.phase == "outcome"]
    recordings = sorted((tmp_path / "var" / "recordings").glob("*.h5"))
    assert recordings
    for path in recordings:
        result = verify(path, tmp_path)
        assert result.difference is None
        assert result.n_compared["result:steps"] > 20
