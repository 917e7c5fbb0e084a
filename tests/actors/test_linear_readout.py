"""The linear readout: the same decisions however the spikes were cut, and none without a file."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.linear_readout import LinearReadout
from crepe.actors.random_decision import RandomDecision
from crepe.errors import ConfigError
from crepe.messages import GameState, Spikes, StreamInfo
from crepe.reservoir.features import Window
from crepe.reservoir.readout import Readout
from crepe.store import codec

RATE_HZ = 1000.0
LABELS = ("12", "13", "14")
INFO = StreamInfo("Spikes", RATE_HZ, LABELS)
EXPERIMENT = """
[actors.detect]
reads = "data"
writes = "data:spikes"
threshold_sd = 5.0
"""
WINDOW = {"window_s": 0.2, "bin_s": 0.1}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Each answer's electrode has the weight 1; a second set of weights has them turned."""
    weights = np.repeat(np.eye(3), 2, axis=1)
    readout = Readout(
        ("paper", "rock", "scissors"),
        LABELS,
        RATE_HZ,
        Window(**WINDOW),
        np.stack([weights, np.roll(weights, 1, axis=0)]),
        np.zeros((2, 3)),
        np.zeros(6),
        np.ones(6),
        np.eye(6)[:, :2],
        np.eye(3),
        {"experiment": EXPERIMENT, "simulated": False},
    )
    return readout.save(tmp_path_factory.mktemp("readouts") / "r.h5")


def opened(readout="", info=INFO, experiment=EXPERIMENT, snapshot=None, **fields):
    actor = LinearReadout(readout=str(readout), window=WINDOW, **fields)
    inputs = {"data:spikes": info}
    actor.open(ActorContext(inputs=inputs, name="decode", experiment=experiment, snapshot=snapshot))
    return actor


def spikes(start, stop, result=()):
    channel, sample = np.array(sorted(result, key=lambda s: s[1]), int).reshape(-1, 2).T
    return Spikes(start, stop, channel.astype(np.int32), sample, np.zeros(len(result), np.float32))


def test_the_answer_is_the_one_whose_electrodes_fired(path):
    decision = opened(path, turn_s=10).step(spikes(0, 100, [(1, 10), (1, 20), (0, 30)]))
    assert decision.value == "rock"
    assert decision.scores == pytest.approx({"paper": 1.0, "rock": 2**0.5, "scissors": 0.0})


def test_spikes_older_than_the_window_are_forgotten(path):
    actor = opened(path, turn_s=10)
    actor.step(spikes(0, 100, [(1, 10), (1, 20)]))
    assert actor.step(spikes(100, 221, [(2, 150)])).value == "scissors"


def test_several_sets_of_weights_take_turns(path):
    actor = opened(path, turn_s=0.1)
    result = [actor.step(spikes(at, at + 100, [(1, at + 50)])).value for at in (0, 100, 200, 300)]
    assert result[0] == result[2] != result[1] == result[3]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 599)), max_size=40),
    st.sets(st.integers(1, 599), max_size=8),
)
def test_decisions_do_not_depend_on_how_the_spikes_were_cut(path, result, cuts):
    def decided(edges):
        actor = opened(path)
        for start, stop in pairwise(edges):
            outputs = actor.step(spikes(start, stop, [s for s in result if start <= s[1] < stop]))
        return outputs.scores

    assert decided([0, *sorted(cuts), 600]) == decided([0, 600])


def outcome(at, gesture):
    return GameState(at - 1, at, 1, "outcome", gesture, phases={"outcome": at})


def test_an_adapting_readout_learns_what_had_been_shown(path):
    """The electrodes have changed their meaning since the calibration."""
    actor = opened(path, forgetting=0.98, turn_s=10)
    answers = []
    for trial in range(60):
        at, gesture = 1000 * trial, ("rock", "paper")[trial % 2]
        electrode = {"rock": 0, "paper": 1}[gesture]  # the other way round
        fired = [(electrode, at + 10 + i) for i in range(4)]
        answers.append(actor.step(spikes(at, at + 200, fired)).value == gesture)
        assert actor.step(outcome(at + 200, gesture)) is None
    assert not any(answers[:2])
    assert all(answers[-20:])


def test_a_restarted_adapting_readout_goes_on_as_it_was(path):
    actor = opened(path, forgetting=0.99)
    for trial in range(10):
        actor.step(spikes(1000 * trial, 1000 * trial + 200, [(trial % 3, 1000 * trial + 50)]))
        actor.step(outcome(1000 * trial + 200, "rock"))
    kept = codec.unpack_value(codec.pack_value(actor.snapshot()))
    again = opened(path, forgetting=0.99, snapshot=kept)
    later = spikes(20_000, 20_200, [(1, 20_100)])
    assert again.step(later).scores == actor.step(later).scores


def test_without_adaptation_a_game_changes_nothing(path):
    actor = opened(path)
    assert actor.step(outcome(200, "rock")) is None
    assert actor.snapshot() is None


def test_without_a_readout_nothing_is_decided():
    assert opened().step(spikes(0, 100, [(1, 10)])).value is None


def test_a_readout_of_another_array_is_refused(path):
    with pytest.raises(ConfigError, match=r"decode readout .*r\.h5: .* they differ in 14, 15"):
        opened(path, StreamInfo("Spikes", RATE_HZ, ("12", "13", "15")))


def test_a_readout_of_another_signal_or_culture_is_refused(path):
    with pytest.raises(ConfigError, match=r"decode readout .*r\.h5: .*threshold_sd = 5.0, .* 3.0"):
        opened(path, experiment=EXPERIMENT.replace("5.0", "3.0"))
    with pytest.raises(ConfigError, match="on a living culture, the experiment has a simulated"):
        opened(path, StreamInfo("Spikes", RATE_HZ, LABELS, is_simulated=True))


def test_chance_gives_each_answer_equally_often_and_again_after_a_restart():
    def outputs():
        actor = RandomDecision(answers=("paper", "rock", "scissors"))
        actor.open(ActorContext(inputs={"data:spikes": INFO}, seed=4))
        return [actor.step(spikes(at, at + 10)).value for at in range(0, 9000, 10)]

    assert outputs() == outputs()
    counts = np.unique(outputs(), return_counts=True)[1]
    assert counts.min() > 250
