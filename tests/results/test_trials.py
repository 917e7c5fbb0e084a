"""Trials of a session: how often the answer was right, by chance or not, and which can be used."""

import pytest

from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Spikes, StreamInfo
from crepe.reservoir.features import Window
from crepe.results.trials import accuracy, labelled
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

WINDOW = Window(window_s=0.3, bin_s=0.1)


def state(gesture, decoded, block=1):
    return GameState(0, 1, 1, "outcome", gesture, decoded=decoded, block=block)


def test_accuracy_comes_with_its_interval_and_the_chance_of_it():
    three = ["rock", "paper", "scissors"] * 20
    always = accuracy([state(g, g) for g in three], 1, ())
    assert (always.accuracy, always.n_trials) == (1.0, 60)
    assert always.ci95 == pytest.approx((0.9398, 1.0), abs=1e-3)  # Wilson 1927
    assert always.p_value == pytest.approx(1 / 10001)
    constant = accuracy([state(g, "rock") for g in three], 1, ())
    assert constant.accuracy == pytest.approx(1 / 3)
    assert constant.p_value == 1.0
    unread = accuracy([state(g, None) for g in three], 1, ())
    assert unread.accuracy == 0.0


def test_the_pulses_of_trials_are_not_left_out_by_chance():
    with pytest.raises(TypeError, match="has_pulses"):
        accuracy([state("rock", "rock")], 1)


def test_permutation_within_blocks_is_not_fooled_by_blocks():
    """Who only knows which gesture is common in a block has not decoded anything."""
    states = [
        state(g, common, block)
        for block, common in ((1, "rock"), (2, "paper"))
        for g in [common] * 30 + ["scissors"] * 2
    ]
    result = accuracy(states, 1, ())
    assert result.accuracy > 0.9
    assert result.p_value == 1.0


def test_trials_without_their_pulses_are_counted():
    result = [GameState(0, 1, n, "outcome", "rock", decoded="rock") for n in (1, 2, 3)]
    assert accuracy(result, 1, {1, 3}).n_stimulated == 2
    assert accuracy(result, 1, {1, 3}).n_trials == 3


def played(*answers):
    """A session of three trials of 1 s, at 1 kHz, and what became of their stimuli."""
    memory = MemoryStore()
    store = Store(memory)
    for name, kind in (
        ("data:spikes", "Spikes"),
        ("result:game", "GameState"),
        ("result:delivered", "Delivered"),
    ):
        memory.declare(name, StreamInfo(kind, 1000.0, ("22", "72"), longest_samples=9000))
    store["data:spikes"].append_message(Spikes.none(0, 4000))
    for trial, gesture in enumerate(("rock", "paper", "rock"), 1):
        stop = 1000 * trial
        outcome = GameState(stop - 1, stop, trial, "outcome", gesture, phases={"outcome": stop})
        store["result:game"].append_message(outcome)
    for trial, state in enumerate(answers, 1):
        at = 1000 * trial - 200
        store["result:delivered"].append_message(Delivered(at - 1, at, trial, state))
    return store


def test_a_trial_whose_pulses_were_refused_is_no_example():
    """It would teach the readout that silence means its gesture."""
    result = labelled(played("delivered", "delivered", "refused"), WINDOW)
    assert result.gesture.tolist() == ["rock", "paper"]
    with pytest.raises(ConfigError, match="no finished trial with its pulses"):
        labelled(played("refused", "stopped", "unknown"), WINDOW)
