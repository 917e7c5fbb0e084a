"""The whole experiment in one process: one seed, one course of events; cells carry the answer."""

from functools import cache

import pytest

from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState
from crepe.runtime.loop import Loop
from crepe.store import Store
from tests.loop_messages import everything, outcomes


@cache
def played(seed=1, silenced=False, n_trials=1):
    changes = {
        "seed": seed,
        "actors.game.n_trials": n_trials,
        "actors.game.rest_s": 1.2,
        "culture.simulated.seed": seed,
        "culture.simulated.silenced": silenced,
    }
    return Store(Loop(load_experiment(None, changes)).run(until="result:game"))


def test_one_seed_gives_the_same_messages_on_every_stream():
    first = everything(played())
    played.cache_clear()
    assert everything(played()) == first


def test_another_seed_gives_another_course():
    assert everything(played(seed=2))["data"] != everything(played())["data"]


def test_the_readout_finds_in_the_spikes_what_was_stimulated():
    found = outcomes(played(n_trials=6))
    assert len(found) == 6
    assert [outcome for _, outcome in found].count("won") >= 5


def test_a_silenced_culture_gives_no_answer_though_it_is_stimulated():
    """The control: same pulses, artefact and noise, but no cell fires."""
    store = played(silenced=True, n_trials=3)
    delivered = store["result:delivered"]
    states = [m for m in delivered.messages(0, len(delivered)) if isinstance(m, Delivered)]
    assert [m.state for m in states] == ["intended", "delivered"] * 3
    assert [outcome for _, outcome in outcomes(store)] == ["none"] * 3


def test_every_trial_is_on_the_stream_with_its_sample_indices():
    stream = played()["result:game"]
    states = [m for m in stream.messages(0, len(stream)) if isinstance(m, GameState)]
    for state in states:
        if state.phase == "outcome":
            begins = [state.phases[p] for p in ("rest", "stimulation", "response", "outcome")]
            assert begins == sorted(begins)
            assert len(set(begins)) == 4
    assert stream.is_ended


@pytest.mark.parametrize("name", ["data", "data:filtered", "data:spikes", "result"])
def test_streams_that_keep_the_clock_have_no_gaps(name):
    assert played()[name].gaps() == []


def test_a_loop_does_not_stimulate_a_living_culture():
    living = load_experiment(
        paths.project_directory() / "config" / "meame-lab.toml",
        {"actors.game.player": "script"},
    )
    with pytest.raises(ConfigError, match="stimulates a living culture"):
        Loop(living)
