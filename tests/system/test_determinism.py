"""One experiment file and one seed: the same decisions in one process and through Redis."""

import numpy as np
import pytest

from crepe import config
from crepe.electrodes import MCS_60_LABELS
from crepe.experiment_runs import live
from crepe.loop import Loop
from crepe.reservoir.features import Window
from crepe.reservoir.readout import Readout
from crepe.store import Store

SCRIPTED = {"hand": None, "sensor": None, "actors.game.player": "script"}
ADAPTING = {
    "actors.decode.readout": "any.h5",
    "actors.decode.forgetting": 0.99,
    "actors.decode.feedback": {"result:game": 1.0},
}


@pytest.fixture
def any_readout(tmp_path):
    """Weights of no meaning: what is decided by them changes with every trial it learns from."""
    rng = np.random.default_rng(1)
    n = 60 * 8
    return Readout(
        ("paper", "rock", "scissors"),
        MCS_60_LABELS,
        10_000.0,
        Window(window_s=0.4, bin_s=0.05),
        rng.normal(0, 0.1, (1, 3, n)),
        np.zeros((1, 3)),
        np.zeros(n),
        np.ones(n),
        np.linalg.qr(rng.normal(size=(n, 5)))[0],
        np.eye(6),
        {},
    ).save(tmp_path / "any.h5")


def messages(store, name):
    stream = store[name]
    return list(stream.messages(0, len(stream)))


@pytest.mark.parametrize(
    ("name", "more"),
    [("rps.toml", SCRIPTED), ("rps-controls.toml", {}), ("rps-controls.toml", ADAPTING)],
    ids=["default", "controls", "adapting"],
)
def test_lockstep_through_redis_decides_and_stimulates_as_one_process_does(
    name, more, any_readout, tmp_path, monkeypatch
):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    if more is ADAPTING:
        more = {**ADAPTING, "actors.decode.readout": str(any_readout)}
    states = play_twice(name, {**more, "actors.game.n_trials": 4}, ())
    assert [s.trial for s in states if s.phase == "outcome"] == [1, 2, 3, 4]


def test_pong_in_lockstep_through_redis_is_the_pong_of_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    states = play_twice("pong.toml", {"actors.game.session_s": 8.0}, ("result:court",))
    assert [s.outcome for s in states if s.phase == "outcome"]
    assert states[-1].phase == "over"


def play_twice(name, more, streams):
    """Play a shipped experiment both ways and compare; returns the states through Redis."""
    path = config.places.project_directory() / "config" / name
    changes = {
        **more,
        "culture.simulated.lockstep_s": 0.05,
        "chains": {"instrument": {"actors": ["acquire", "stimulate"]}},
    }
    states = []
    through_redis = live(config.load(path, changes), states.append).store
    one_process = Store(Loop(config.load(path, changes)).run(until="result:game"))
    for stream in ("result", "result:game", "result:stimuli", *streams):
        found, expected = messages(through_redis, stream), messages(one_process, stream)
        n = min(len(found), len(expected))
        assert n > 3
        assert [repr(m) for m in found[:n]] == [repr(m) for m in expected[:n]]
    fired = [
        [(m.number, m.state, m.fired) for m in messages(store, "result:delivered") if m.fired]
        for store in (through_redis, one_process)
    ]
    assert len(fired[0]) >= 3
    assert fired[0] == fired[1][: len(fired[0])]
    return states
