"""The whole experiment in one process: one seed, one course of events; cells carry the answer."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState
from crepe.runtime.loop import Loop
from crepe.store import Store

ROOT = Path(__file__).parents[2]


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


def everything(store):
    """All messages of all streams, as values that can be compared."""
    found = {}
    for name in store:
        stream = store[name]
        for message in stream.messages(0, len(stream)):
            values = [getattr(message, field) for field in type(message).__dataclass_fields__]
            found.setdefault(name, []).append([comparable(value) for value in values])
    return found


def comparable(value):
    return (value.dtype, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def outcomes(store):
    stream = store["result:game"]
    states = [m for m in stream.messages(0, len(stream)) if isinstance(m, GameState)]
    return [(s.gesture, s.outcome) for s in states if s.phase == "outcome"]


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


def pong(block_s):
    kept = ("result", "result:game", "result:stimuli", "result:delivered", "result:court")
    blocks = [
        {"condition": name, "start_s": i * block_s, "stop_s": (i + 1) * block_s}
        for i, name in enumerate(("stimulation", "rest", "random"))
    ]
    changes = {"seed": 1, "actors.game.blocks": blocks}
    experiment = load_experiment(ROOT / "config" / "pong.toml", changes)
    return Store(Loop(experiment, kept=kept).run(until="result:game"))


def messages(store, name):
    stream = store[name]
    return list(stream.messages(0, len(stream)))


def test_pong_is_played_to_its_end_and_not_one_of_its_pulses_is_refused():
    store = pong(block_s=8.0)
    asked = messages(store, "result:stimuli")
    answers = messages(store, "result:delivered")
    assert len(asked) > 50
    assert {a.state for a in answers} == {"intended", "delivered"}
    delivered = [a for a in answers if a.state == "delivered"]
    late = [d.fired - s.due for s, d in zip(asked, delivered, strict=False)]
    assert all(0 <= samples < 100 for samples in late)  # a segment
    assert len(delivered) >= len(asked) - 3  # the game's stream ends a moment before the last
    (*_, over) = messages(store, "result:game")
    assert over.phase == "over"
    assert not [s for s in asked if 80_000 <= s.due < 160_000]
    assert {s.condition for s in messages(store, "result:game")} == {
        "stimulation",
        "rest",
        "random",
    }
    court = messages(store, "result:court")
    assert len(court) == pytest.approx(24 * 25, abs=2)
    assert len({c.paddle_y for c in court}) > 10


def test_pong_takes_the_same_course_for_the_same_seed():
    first = everything(pong(block_s=2.0))
    assert len(first["result:stimuli"]) > 10
    assert everything(pong(block_s=2.0)) == first


def test_every_online_analysis_runs_and_the_originals_readout_finds_the_gesture():
    changes = {"actors.game.n_trials": 3}
    experiment = load_experiment(ROOT / "config" / "online-analysis.toml", changes)
    store = Store(Loop(experiment).run(until="result:game"))
    assert all(won == "won" for _, won in outcomes(store))
    trains = store["result:stimuli"].messages(0, len(store["result:stimuli"]))
    heard = store["result:frequency"].messages(0, len(store["result:frequency"]))
    for train in trains:
        whole = (train.due + 10_000, train.due + 20_000)  # a second within it ends in here
        (said,) = [d.value for d in heard if whole[0] <= d.stop < whole[1]]
        assert said == train.meaning
    spikes = store["data:spikes"].messages(0, len(store["data:spikes"]))
    waveforms = store["data:waveforms"].messages(0, len(store["data:waveforms"]))
    n_spikes = sum(len(s.channel) for s in spikes)
    assert 0.9 * n_spikes < sum(len(w.channel) for w in waveforms) <= n_spikes
    assert len(store["data:activity"].messages(0, len(store["data:activity"]))) >= 2


def test_a_loop_does_not_stimulate_a_living_culture():
    living = load_experiment(
        paths.project_directory() / "config" / "meame-lab.toml",
        {"actors.game.player": "script"},
    )
    with pytest.raises(ConfigError, match="stimulates a living culture"):
        Loop(living)
