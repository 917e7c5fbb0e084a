"""Segments joined and cut, gaps between windows, samples in a stream's dtype."""

import numpy as np
import pytest

from crepe.errors import GapError
from crepe.messages import Segment, StreamInfo
from crepe.store.segments import (
    cut,
    entries_per_page,
    fitting,
    gap_error,
    joined,
    joined_windows,
    missing,
    regrouped,
)


def segment(start, stop, t_ns=0, *, is_estimated=False):
    """Each sample has its index as value, and that below zero on a second channel."""
    index = np.arange(start, stop, dtype=np.int32)
    return Segment(start, stop, np.stack([index, -index]), t_ns, is_estimated)


def as_values(message):
    samples = message.samples.tolist()
    return (message.start, message.stop, samples, message.t_ns, message.is_estimated)


def test_a_joined_segment_has_the_time_of_its_end_and_the_mark_of_its_beginning():
    parts = [segment(5, 7, 70, is_estimated=True), segment(7, 8, 80)]
    assert as_values(joined(parts)) == as_values(segment(5, 8, 80, is_estimated=True))
    turned = [segment(5, 7, 70), segment(7, 8, 80, is_estimated=True)]
    assert not joined(turned).is_estimated
    assert joined(parts[:1]) is parts[0]


def test_a_cut_has_the_mark_of_a_gap_only_at_the_beginning():
    whole = segment(5, 9, 90, is_estimated=True)
    assert as_values(cut(whole, 5, 6)) == as_values(segment(5, 6, 90, is_estimated=True))
    assert as_values(cut(whole, 6, 9)) == as_values(segment(6, 9, 90))
    assert not cut(segment(5, 9), 5, 6).is_estimated


@pytest.mark.parametrize(
    ("windows", "n_samples", "expected"),
    [
        ([(0, 4), (4, 8)], 3, [(0, 3), (3, 6), (6, 8)]),
        ([(0, 2), (2, 4)], 4, [(0, 4)]),
        ([(0, 2), (5, 9)], 4, [(0, 2), (5, 9)]),
        ([(0, 9)], 3, [(0, 3), (3, 6), (6, 9)]),
        ([(0, 1)], 1, [(0, 1)]),
        ([], 3, []),
    ],
)
def test_regrouped_segments_have_the_same_samples(windows, n_samples, expected):
    groups = list(regrouped([segment(*window) for window in windows], n_samples))
    assert [as_values(it) for it in groups] == [as_values(segment(*it)) for it in expected]


def test_a_group_that_is_full_has_the_time_of_its_own_end():
    groups = regrouped([segment(0, 2, 20), segment(2, 4, 40)], 2)
    assert [group.t_ns for group in groups] == [20, 40]


@pytest.mark.parametrize(
    ("windows", "gaps"),
    [
        ([], [(10, 20)]),
        ([(10, 20)], []),
        ([(5, 12), (12, 25)], []),
        ([(11, 12), (14, 19)], [(10, 11), (12, 14), (19, 20)]),
        ([(10, 18), (12, 14)], [(18, 20)]),
    ],
)
def test_what_no_window_covers_is_missing(windows, gaps):
    assert missing(windows, 10, 20) == gaps


def test_windows_that_touch_or_overlap_are_one():
    windows = [(0, 5), (2, 3), (5, 6), (8, 9), (8, 12)]
    assert joined_windows(windows) == [(0, 6), (8, 12)]


def test_a_page_has_a_megabyte_whatever_a_segment_has():
    info = StreamInfo(labels=("a",) * 4, segment_samples=256, dtype="int32")
    assert entries_per_page(info) == (1 << 20) // (4 * 256 * 4)
    assert entries_per_page(StreamInfo(segment_samples=256)) == (1 << 20) // 256
    huge = StreamInfo(labels=("a",) * 1024, segment_samples=10_000, dtype="int32")
    assert entries_per_page(huge) == 1


def test_a_gap_names_what_the_stream_holds_where_it_begins_before_that():
    error = gap_error("data", (0, 30), [(0, 10), (20, 25)], (10, 40))
    assert isinstance(error, GapError)
    assert str(error) == (
        "data: of samples 0 to 30, 0 to 10, 20 to 25 are missing; the stream holds 10 to 40"
    )
    assert str(gap_error("data", (10, 30), [(10, 25)], (10, 40))).endswith("10 to 25 are missing")


@pytest.mark.parametrize(
    ("samples", "dtype"),
    [
        ([1.0, -3.0], "int16"),
        ([0.1, np.inf, -np.inf], "float32"),
        ([np.nan], "float32"),
        ([-32768, 32767], "int16"),
    ],
)
def test_samples_that_fit_are_cast(samples, dtype):
    cast = fitting(np.array(samples), dtype, "data")
    assert cast.dtype == dtype
    np.testing.assert_array_equal(cast, np.array(samples).astype(dtype))


@pytest.mark.parametrize(
    ("samples", "dtype", "text"),
    [
        ([1.0, 0.5], "int16", "data: a sample of 0.5, must be a value that int16 can hold"),
        ([0, 32768], "int16", "data: a sample of 32768"),
        ([0.0, 1e300], "float32", "data: a sample of 1e+300"),
        ([np.nan], "int16", "data: a sample of nan"),
    ],
)
def test_samples_that_do_not_fit_are_refused_with_the_first(samples, dtype, text):
    with pytest.raises(ValueError) as refused:  # the text is compared
        fitting(np.array(samples), dtype, "data")
    assert str(refused.value).startswith(text)


def test_samples_of_the_same_type_are_not_copied():
    samples = np.zeros((1, 3), np.int32)
    assert fitting(samples, "int32", "data") is samples
