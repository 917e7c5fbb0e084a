"""Traces as a screen shows them: minimum and maximum, and nan where samples are missing."""

import numpy as np
import pytest

from crepe.dashboard.traces import Traces
from crepe.electrodes.layouts import grid_labels
from crepe.messages import Segment, StreamInfo

RATE_HZ = 10_000


def info(message, n_channels=60, **more):
    return StreamInfo(message, RATE_HZ, labels=grid_labels(n_channels), **more)


def test_a_trace_is_the_minimum_and_maximum_of_each_millisecond():
    traces = Traces(info("Segment", 2, scale_uv=(0.5, 2.0)))
    samples = np.arange(2 * 100, dtype=np.int32).reshape(2, 100)
    for start in range(0, 100, 25):  # cut where no bin ends
        traces.take(Segment(start, start + 25, samples[:, start : start + 25]))
    low, high = traces.window(np.array([0, 1]), 0, 10, 1)
    np.testing.assert_array_equal(low[0], 0.5 * np.arange(0, 100, 10))
    np.testing.assert_array_equal(high[1], 2.0 * (np.arange(109, 209, 10)))
    low, high = traces.window(np.array([1]), 0, 2, 5)
    assert low.tolist() == [[200.0, 300.0]]


def test_what_is_missing_is_nan_and_what_is_older_than_the_window_forgotten():
    traces = Traces(info("Segment", 1))
    ones = np.ones((1, 100), np.int32)
    traces.take(Segment(0, 100, ones))
    traces.take(Segment(300, 400, ones))
    low, _ = traces.window(np.array([0]), 0, 40, 1)
    assert np.isnan(low[0, 10:30]).all()
    assert (low[0, 30:] == 1).all()
    traces.take(Segment(100_000, 100_100, ones))
    low, _ = traces.window(np.array([0]), 10, 10_000, 1)
    assert np.isnan(low[0, 30:]).all()
    assert (low[0, 20:30] == 1).all()  # 10 s ago


def test_of_a_large_array_only_what_is_looked_at_is_kept():
    traces = Traces(info("Segment", 1024))
    traces.keep((5, 900))
    traces.take(Segment(0, 100, np.arange(1024, dtype=np.int32)[:, None].repeat(100, 1)))
    low, _ = traces.window(np.array([900, 7, 5]), 0, 1, 1)
    assert low[0] == 900
    assert np.isnan(low[1])
    assert low[2] == 5
    traces.keep((5, 7))
    assert traces.window(np.array([5]), 0, 1, 1)[0] == 5  # it has not forgotten


def test_the_noise_level_is_that_of_the_last_whole_second():
    rng = np.random.default_rng(4)
    samples = rng.normal(0, 10, (2, 2 * RATE_HZ)).astype(np.float32)
    traces = Traces(info("Segment", 2))
    for start in range(0, 2 * RATE_HZ, 300):
        part = samples[:, start : start + 300]
        traces.take(Segment(start, start + part.shape[1], part))
    wanted = np.median(np.abs(samples[:, RATE_HZ:]), axis=1) / 0.6745
    assert traces.noise_uv[0] == pytest.approx(wanted[0], rel=1e-5)
    assert traces.noise_uv[1] == pytest.approx(wanted[1], rel=1e-5)
