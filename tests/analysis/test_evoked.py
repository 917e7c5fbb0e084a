"""Responses to single pulses: counted by hand, and rarely found where there are none."""

import numpy as np
import pytest

from crepe.analysis.evoked import adjusted, first_spikes, responses


def test_the_first_spike_of_a_half_open_window_counts():
    trains = [np.array([10, 104, 105, 199, 300]), np.array([], np.int64), np.array([200])]
    first = first_spikes(trains, np.array([100, 200, 400]), 5, 100)
    assert np.array_equal(first, [[5, np.nan, np.nan], [np.nan] * 3, [np.nan] * 3], equal_nan=True)
    assert first_spikes(trains, np.array([200]), -100, 0)[0, 0] == -96


def test_probability_latency_and_p_are_those_counted_by_hand():
    nan = np.nan
    after = np.array([[6.0], [8.0], [7.0], [nan], [9.0], [9.0]])
    before = np.array([[nan], [nan], [nan], [-5.0], [-3.0], [nan]])
    is_used = np.array([[True]] * 5 + [[False]])  # the last pulse does not count
    result = responses(after, before, np.zeros(6, np.int64), 2, is_used)
    assert result.n_pulses.tolist() == [[5], [0]]
    assert result.probability[0, 0] == 0.8
    assert result.probability_before[0, 0] == 0.4
    assert result.latency[0, 0] == 7.5
    # three for a response, one against: 5 of 16 outcomes have three or four
    assert result.p_value[0, 0] == pytest.approx(5 / 16)
    assert np.isnan([result.probability[1, 0], result.latency[1, 0], result.p_value[1, 0]]).all()


def test_p_is_corrected_for_the_pairs_that_were_tested():
    p_values = np.array([[0.01, np.nan], [0.04, 0.02]])
    assert adjusted(p_values) == pytest.approx(
        np.array([[0.03, np.nan], [0.04, 0.03]]), nan_ok=True
    )
    assert np.isnan(adjusted(np.full((2, 2), np.nan))).all()


def links(rng, n_maps, *, together, answering=0.0):
    """Maps of 8 electrodes, 20 pulses at each: those with false links, and true links found."""
    n, n_rounds = 8, 20
    stimulated = np.tile(np.arange(n), n_rounds)
    n_false = n_true = 0
    for _ in range(n_maps):
        has = rng.random((2, len(stimulated), n)) < 0.1
        if together:  # network bursts reach all channels at once
            has |= rng.random((2, len(stimulated), 1)) < 0.2
        has[0, :, 1] |= (stimulated == 0) & (rng.random(len(stimulated)) < answering)
        after, before = np.where(has, 1.0, np.nan)
        is_used = np.arange(n) != stimulated[:, np.newaxis]
        result = responses(after, before, stimulated, n, is_used)
        is_link = adjusted(result.p_value) <= 0.05
        n_true += bool(is_link[0, 1])
        is_link[0, 1] &= answering == 0
        n_false += bool(is_link.any())
    return n_false, n_true


@pytest.mark.parametrize("together", [False, True])
def test_where_pulses_change_nothing_a_map_has_a_link_at_most_so_often_as_claimed(together):
    """Of 100 maps at 0.05, 11 or more with a link come once in 90 times; uncorrected all have."""
    n_false, _ = links(np.random.default_rng(3), 100, together=together)
    assert n_false <= 10


def test_an_answer_to_most_pulses_is_found():
    n_false, n_true = links(np.random.default_rng(4), 30, together=True, answering=0.9)
    assert n_true >= 20
    assert n_false <= 5
