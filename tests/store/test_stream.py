"""A stream reads like the array it was written from, and reports missing samples."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.errors import ConfigError, GapError, OrderError
from crepe.store import DataModus, Store

N = 1000
ARRAY = np.arange(3 * N, dtype=np.int32).reshape(3, N)
SCALE = (0.5, 2.0, 4.0)


def filled():
    store = Store("memory://")
    data = store.declare(
        DataModus.DATA, labels=("a", "b", "c"), sampling_rate_hz=1000.0, scale_uv=SCALE, longest_samples=70
    )  # fmt: skip
    data.append(ARRAY)
    return store, data


STORE, DATA = filled()
bound = st.none() | st.integers(-N - 5, N + 5)
rows = st.integers(-3, 2) | st.slices(3).filter(lambda s: s.step is None or s.step > 0)


@settings(deadline=None)
@given(rows, bound, bound, st.none() | st.integers(1, 7))
def test_slices_are_numpys_in_counts_and_in_microvolts(row, start, stop, step):
    index = (row, slice(start, stop, step))
    np.testing.assert_array_equal(DATA[index], ARRAY[index])
    microvolts = ARRAY * np.array(SCALE)[:, None]
    np.testing.assert_allclose(DATA.microvolts[index], microvolts[index])


def test_single_samples_and_what_is_outside():
    assert DATA[1, -1] == ARRAY[1, -1]
    for index in ((3, 0), (-4, 0), (0, N), (0, -N - 1)):
        with pytest.raises(IndexError):
            DATA[index]
    with pytest.raises(IndexError, match="1000 samples long"):
        DATA.read(0, N + 1)
    with pytest.raises(KeyError, match="no stream 'result'; there are: data"):
        STORE["result"]


def test_waiting_ends_with_the_data_the_time_or_the_stream():
    _, data = filled()
    np.testing.assert_array_equal(data.wait(10, 20), ARRAY[:, 10:20])
    with pytest.raises(TimeoutError, match="1000 of 1001 samples"):
        data.wait(0, N + 1, timeout_s=0.01)
    data.end()
    with pytest.raises(IndexError, match="ended at sample 1000"):
        data.wait(0, N + 1)
    with pytest.raises(OrderError, match="has ended"):
        data.append(ARRAY[:, :1])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 900), st.integers(1, 400), st.integers(0, 300))
def test_following_gives_every_sample_once_and_never_hides_a_gap(start, n_samples, gap):
    _, data = filled()
    data.append(ARRAY[:, :100], start=N + gap)
    data.end()
    segments = list(data.follow(start, n_samples))
    got = np.concatenate([s.samples for s in segments], axis=1)
    np.testing.assert_array_equal(got, np.concatenate([ARRAY[:, start:], ARRAY[:, :100]], axis=1))
    assert all(s.stop - s.start == s.samples.shape[1] <= n_samples for s in segments)
    jumps = [(a.stop, b.start) for a, b in itertools.pairwise(segments) if a.stop != b.start]
    assert jumps == ([(N, N + gap)] if gap else []) == data.gaps(start)


def test_a_gap_is_reported_or_filled_as_asked():
    _, data = filled()
    data.append(ARRAY[:, :100], start=1200)
    with pytest.raises(
        GapError, match="of samples 900 to 1300, 1000 to 1200 are missing"
    ) as caught:
        data.read(900, 1300)
    assert caught.value.gaps == ((1000, 1200),)
    filled_in = data.read(900, 1300, fill=np.nan)
    assert np.isnan(filled_in).sum() == 3 * 200
    np.testing.assert_array_equal(filled_in[:, 300:], ARRAY[:, :100])


@pytest.mark.parametrize("value", [2**40, -(2**31) - 1, np.nan, np.inf, 0.5, 2.0**31])
def test_values_that_the_stream_cannot_hold_are_refused_and_none_is_appended(value):
    _, data = filled()
    with pytest.raises(ValueError, match="data: a sample of .*, must be a value that int32 can"):
        data.append([[1, 2], [3, value], [5, 6]])
    assert len(data) == N


def test_values_of_another_dtype_that_fit_are_taken():
    _, data = filled()
    for dtype in ("int64", "uint8", "float64", "bool"):
        data.append(np.ones((3, 2), dtype))
    assert data[:, N:].tolist() == np.ones((3, 8)).tolist()
    volts = Store("memory://").declare("volts", labels=("a",), dtype="float32")
    volts.append([[0.1, np.nan, np.inf]])
    with pytest.raises(ValueError, match=r"1e\+300.*float32"):
        volts.append([[1e300]])


def test_what_does_not_fit_is_refused():
    store, data = filled()
    with pytest.raises(ValueError, match=r"shape \(2, 5\), must be \(3 channels, n > 0\)"):
        data.append(ARRAY[:2, :5])
    with pytest.raises(OrderError, match="must begin at 1000"):
        data.append(ARRAY[:, :5], start=990)
    with pytest.raises(ConfigError, match="2 values for 3 channels"):
        store.declare("x", labels=("a", "b", "c"), scale_uv=(1.0, 2.0))
    data.delete()
    assert store.streams() == []
