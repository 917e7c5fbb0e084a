"""What the readout sees: counts by electrode and time, the same however they came."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.reservoir.features import Window

WINDOW = Window(window_s=0.3, bin_s=0.1, n_history=2)
RATE_HZ, LABELS = 1000.0, ("a", "b", "c")


def counted(spikes, stop=1000):
    """Counts, not their roots, of (channel, sample) pairs."""
    channel, sample = np.array(spikes, int).reshape(-1, 2).T
    return WINDOW.features(channel, sample, stop, LABELS, RATE_HZ) ** 2


def test_bins_go_back_from_the_newest_sample_and_history_from_the_oldest_window():
    result = counted(
        [(0, 999), (0, 900), (0, 899), (2, 700), (1, 699), (1, 400), (1, 399), (1, 100)]
    )
    bins, history = result[:9].reshape(3, 3), result[9:].reshape(2, 3)
    assert bins == pytest.approx(np.array([[0, 1, 2], [0, 0, 0], [1, 0, 0]]))
    assert history == pytest.approx(np.array([[0, 2, 0], [0, 2, 0]]))


def test_what_is_not_in_the_span_does_not_count():
    assert counted([(0, 99), (0, 1000), (1, -5)]).sum() == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1100)), max_size=60))
def test_every_spike_of_the_span_counts_once_in_its_channel(spikes):
    result = counted(spikes)
    inside = [(c, s) for c, s in spikes if 100 <= s < 1000]
    assert result.sum() == pytest.approx(len(inside))
    by_channel = result[:9].reshape(3, 3).sum(axis=1) + result[9:].reshape(2, 3).sum(axis=0)
    assert by_channel == pytest.approx([sum(c == k for c, _ in inside) for k in range(3)])


def test_bins_must_divide_the_window():
    with pytest.raises(ValidationError, match=r"0\.07 s, must divide the window of 0\.3 s"):
        Window(window_s=0.3, bin_s=0.07)


def test_the_reference_electrode_is_not_looked_at():
    """It shows what is left of the stimulus, and no activity."""
    channel, sample = np.array([13, 14, 15], np.int32), np.array([990, 990, 990])
    result = WINDOW.features(channel, sample, 1000, MCS_60_LABELS, RATE_HZ)[: 60 * 3]
    assert np.flatnonzero(result.reshape(60, 3).sum(axis=1)).tolist() == [13, 15]
