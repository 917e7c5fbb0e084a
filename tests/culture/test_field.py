"""Slow potentials: a sum over the cells that fired, smooth, without offset, below the spikes."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from crepe.culture.field import FIELD_MS, FIELD_REACH_UM, FIELD_UV, Course, Field

HEARD = np.array([True, True, False])


def field():
    distance_um = np.array([[0.0, FIELD_REACH_UM, 0.0], [1e6, 0.0, 0.0]])
    return Field(distance_um, HEARD, block_samples=10)


def after(potential, n_ms=400):
    return np.concatenate([potential.next() for _ in range(n_ms)], axis=1)


def test_without_a_spike_there_is_no_field():
    potential = field()
    potential.add(np.empty(0, np.int64))
    assert not after(potential).any()


def test_the_field_of_a_cell_falls_with_distance_and_the_reference_has_none():
    potential = field()
    potential.add(np.array([0]))
    at_cell, farther, reference = after(potential)
    assert at_cell.min() == pytest.approx(-FIELD_UV, rel=0.01)
    np.testing.assert_allclose(farther, at_cell / np.e, rtol=1e-5, atol=1e-6)
    assert not reference.any()


def test_fields_of_cells_add_up():
    both, first, other = field(), field(), field()
    both.add(np.array([0, 1]))
    first.add(np.array([0]))
    other.add(np.array([1]))
    np.testing.assert_allclose(after(both), after(first) + after(other), atol=1e-5)


def test_a_field_begins_smoothly_leaves_no_offset_and_lies_below_the_band_of_spikes():
    course = Course(1, FIELD_MS, 10)
    course.add(np.array([1.0]))
    (potential,) = after(course)
    assert np.abs(potential[:2]).max() < 1e-3
    assert np.abs(np.diff(potential)).max() < 0.05
    assert abs(potential.sum()) < 1e-3 * np.abs(potential).sum()
    band = butter(2, (300, 3000), "bandpass", fs=10_000, output="sos")
    assert np.abs(sosfilt(band, potential)).max() < 0.03


def test_a_potential_that_is_over_adds_nothing_and_may_begin_again():
    quick, whole = (Course(2, (0.25, 0.45), block_samples=10) for _ in range(2))
    largest = np.array([1e6, 0.0])
    for course in (quick, whole):
        course.add(largest)
    n_ms = 0
    while quick.is_active:
        assert np.array_equal(quick.next(), whole.next())
        n_ms += 1
    assert n_ms < 100
    assert not after(whole, 50).any()
    for course in (quick, whole):
        course.add(largest)
    assert np.array_equal(after(quick, 20), after(whole, 20))
