"""Crossings are falling ones below the limit, and a peak blocks the next for a while."""

import numpy as np

from crepe.processing.threshold import falling_crossings, peaks_after

LIMIT = np.float32([[-3.0]])


def test_a_crossing_is_the_first_sample_below_the_limit_and_comes_in_order_of_time():
    samples = np.float32([[0, 0, -4, -5, 0, -4], [0, -4, 0, 0, 0, 0]])
    crossings = falling_crossings(samples, np.repeat(LIMIT, 2, axis=0))
    assert crossings.tolist() == [[0, 1], [1, 0], [4, 0]]


def test_a_channel_without_noise_has_no_crossing():
    assert not len(falling_crossings(np.float32([[0, -1, 0]]), np.float32([[0.0]])))


def test_a_peak_is_the_minimum_after_the_crossing_and_blocks_its_channel():
    samples = np.float32([[0, -4, -6, 0, -4, 0, 0, -5, 0, 0]])
    crossings = falling_crossings(samples[:, :8], LIMIT)
    blocked = np.array([-1])
    peaks = peaks_after(samples, crossings, blocked, first=100, n_align=2, n_rest=4)
    assert peaks == [(101, 0, -6.0), (106, 0, -5.0)]
    assert blocked.tolist() == [110]


def test_crossings_are_in_the_order_of_time_and_then_of_channels():
    random = np.random.default_rng(0)
    for n in (1, 2, 60):
        samples = random.normal(0, 1, (7, n)).astype(np.float32)
        is_below = samples < -1
        expected = np.argwhere((is_below[:, 1:] & ~is_below[:, :-1]).T)
        limit = np.full((7, 1), -1, np.float32)
        crossings = falling_crossings(samples, limit)
        assert crossings.dtype == expected.dtype
        assert np.array_equal(crossings, expected)
