"""One experiment file and one seed: the same decisions in one process and through Redis."""

import pytest

from crepe import config
from crepe.experiment_runs import live
from crepe.loop import Loop
from crepe.store import Store

FILES = {
    "rps.toml": {"hand": None, "sensor": None, "actors.game.player": "script"},
    "rps-controls.toml": {},
}


def messages(store, name):
    stream = store[name]
    return list(stream.messages(0, len(stream)))


@pytest.mark.parametrize("name", FILES)
def test_lockstep_through_redis_decides_and_stimulates_as_one_process_does(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    path = config.places.project_directory() / "config" / name
    changes = {
        **FILES[name],
        "actors.game.n_trials": 4,
        "culture.simulated.lockstep_s": 0.05,
        "chains": {"instrument": {"actors": ["acquire", "stimulate"]}},
    }
    states = []
    through_redis = live(config.load(path, changes), states.append).store
    one_process = Store(Loop(config.load(path, changes)).run(until="result:game"))
    assert [s.trial for s in states if s.phase == "outcome"] == [1, 2, 3, 4]
    for stream in ("result", "result:game", "result:stimuli"):
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
