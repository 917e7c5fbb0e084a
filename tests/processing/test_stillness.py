"""A channel stands still where its samples equal those of a millisecond before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crepe.processing.stillness import Stillness

RATE_HZ = 10_000.0
N = 400


def marked(stillness, samples):
    marks = stillness.mark(samples)
    return np.zeros(samples.shape, bool) if marks is None else marks


def signal():
    samples = np.random.default_rng(1).integers(-1000, 1000, (3, N))
    samples[0, 50:90] = 0  # held
    samples[1, 100:] = 131_071  # at the rail until the end
    samples[2, 200:208] = 5  # shorter than a millisecond
    return samples


def test_a_hold_is_marked_after_its_first_millisecond():
    marks = marked(Stillness(3, RATE_HZ), signal())
    assert np.flatnonzero(marks[0]).tolist() == list(range(60, 90))
    assert np.flatnonzero(marks[1]).tolist() == list(range(110, N))
    assert not marks[2].any()


@given(st.sets(st.integers(1, N - 1), max_size=20))
def test_marks_do_not_depend_on_how_the_signal_is_cut(cuts):
    whole, parts = Stillness(3, RATE_HZ), Stillness(3, RATE_HZ)
    pieces = [marked(parts, part) for part in np.split(signal(), sorted(cuts), axis=1)]
    assert (np.concatenate(pieces, axis=1) == marked(whole, signal())).all()


@given(st.integers(0, 10_000), st.integers(1, 4), st.sets(st.integers(1, N - 1), max_size=20))
def test_a_sample_stands_still_if_the_ten_before_are_equal(seed, n_values, cuts):
    few = np.random.default_rng(seed).integers(0, n_values, (4, N)) ** 5 // 100  # mostly 0
    stillness = Stillness(4, RATE_HZ)
    marks = [marked(stillness, part) for part in np.split(few, sorted(cuts), axis=1)]
    windows = np.lib.stride_tricks.sliding_window_view(few, 11, axis=1)
    expected = (windows == windows[:, :, :1]).all(axis=2)
    assert (np.concatenate(marks, axis=1)[:, 10:] == expected).all()


def test_after_a_gap_nothing_is_remembered():
    stillness = Stillness(1, RATE_HZ)
    stillness.mark(np.zeros((1, 100), np.int32))
    stillness.restart()
    assert marked(stillness, np.zeros((1, 15), np.int32)).sum() == 5
