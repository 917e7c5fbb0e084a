"""Trials of a session: how often the answer was right, by chance or not, and which can be used."""

from dataclasses import replace

import numpy as np
import pytest

from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Spikes, StreamInfo
from crepe.reservoir.features import Window
from crepe.reservoir.training import permuted
from crepe.results.trials import _permuted_right, accuracy, labelled
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

WINDOW = Window(window_s=0.3, bin_s=0.1)


def state(gesture, decoded, block=1):
    return GameState(0, 1, 1, "outcome", gesture, decoded=decoded, block=block)


def test_accuracy_comes_with_its_interval_and_the_chance_of_it():
    three = ["rock", "paper", "scissors"] * 20
    always = accuracy([state(g, g) for g in three], 1, None)
    assert (always.accuracy, always.n_trials) == (1.0, 60)
    assert always.ci95 == pytest.approx((0.9398, 1.0), abs=1e-3)  # Wilson 1927
    assert always.p_value == pytest.approx(1 / 10001)
    constant = accuracy([state(g, "rock") for g in three], 1, None)
    assert constant.accuracy == pytest.approx(1 / 3)
    assert constant.p_value == 1.0
    unread = accuracy([state(g, None) for g in three], 1, None)
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
    result = accuracy(states, 1, None)
    assert result.accuracy > 0.9
    assert result.p_value == 1.0


def test_trials_without_their_pulses_are_shown_and_left_out():
    """Ten trials, five of them before arming: of those the readout could know nothing."""
    states = [
        GameState(0, 1, n, "outcome", "rock", decoded="rock" if n > 5 else None)
        for n in range(1, 11)
    ]
    result = accuracy(states, 1, {6, 7, 8, 9, 10})
    assert (result.n_trials, result.n_stimulated, result.n_left_out) == (10, 5, 5)
    assert (result.n_counted, result.n_right, result.accuracy) == (5, 5, 1.0)
    assert accuracy(states, 1, None).accuracy == 0.5
    nothing = accuracy(states, 1, ())
    assert (nothing.n_left_out, nothing.p_value) == (10, 1.0)
    assert np.isnan([nothing.accuracy, *nothing.ci95, *nothing.ci95_blocks]).all()


def test_trials_in_which_no_pulse_is_requested_all_count():
    states = [replace(state("rock", "rock"), condition=name) for name in ("sham", "rest")]
    assert accuracy(states, 1, ()).n_counted == 2


def test_chance_is_that_of_the_same_answers_where_labels_are_out_of_balance():
    gestures = ["rock"] * 20 + ["paper"] * 5 + ["scissors"] * 5
    always = accuracy([state(g, "rock") for g in gestures], 1, None)
    assert always.chance == always.accuracy == pytest.approx(2 / 3)
    balanced = ["rock", "paper", "scissors"] * 20
    one_in_three = accuracy([state(g, g) for g in balanced], 1, None)
    assert one_in_three.chance == pytest.approx(1 / 3, abs=0.002)


def test_the_interval_over_blocks_is_wider_where_blocks_differ():
    by_block = {1: 10, 2: 2, 3: 9, 4: 1}  # right of ten
    states = [
        state("rock", "rock" if k < right else "paper", block)
        for block, right in by_block.items()
        for k in range(10)
    ]
    result = accuracy(states, 1, None)
    assert result.ci95_blocks[0] < result.ci95[0] - 0.1
    assert result.ci95_blocks[1] > result.ci95[1] + 0.1


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


def test_permutations_together_are_those_one_after_the_other():
    rng = np.random.default_rng(2)
    block = rng.permutation(np.repeat([3, 1, 2], 7))
    gesture, decoded = (rng.choice(["rock", "paper", ""], 21) for _ in range(2))
    together = _permuted_right(gesture, decoded, block, np.random.default_rng(5), 1203)
    one_by_one = np.random.default_rng(5)
    expected = [np.sum(permuted(gesture, block, one_by_one) == decoded) for _ in range(1203)]
    assert together.tolist() == expected
