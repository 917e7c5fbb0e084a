"""Bursts: hand-computed cases of the published definitions, limits included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.analysis.bursts import (
    MaxInterval,
    isi_n,
    log_isi,
    log_isi_threshold_s,
    max_interval,
    network_bursts,
)


def windows(bursts):
    return [(round(b.begin_s, 6), round(b.end_s, 6), b.n_spikes) for b in bursts]


def test_a_burst_begins_with_a_short_interval_and_ends_with_a_long_one():
    times = np.array([0.0, 1.0, 1.1, 1.35, 1.6, 3.0])  # 0.25 goes on, but would not begin
    assert windows(max_interval(times)) == [(1.0, 1.6, 4)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.17, 0.47], 1),  # exactly at both limits
        ([0.0, 0.1701, 0.34], 1),  # the second interval begins it: two spikes are too few
        ([0.0, 0.05], 0),
        ([0.0], 0),
        ([], 0),
        ([0.0, 0.002, 0.004], 0),  # 4 ms is too short
        ([0.0, 0.005, 0.01], 1),  # exactly 10 ms
    ],
)
def test_limits(times, expected):
    rule = MaxInterval() if times[1:2] != [0.1701] else MaxInterval(n_spikes=2)
    assert len(max_interval(np.array(times, float), rule)) == expected


def test_bursts_that_are_near_are_one():
    rule = MaxInterval(begin_s=0.01, end_s=0.05, between_s=0.2)
    first = [0.0, 0.01, 0.02]
    near, far = [0.15, 0.16, 0.17], [0.4, 0.41, 0.42]
    assert windows(max_interval(np.array(first + near + far), rule)) == [
        (0.0, 0.17, 6),
        (0.4, 0.42, 3),
    ]


@given(st.lists(st.floats(0.001, 1.0), max_size=60))
def test_bursts_are_apart_in_order_and_made_of_spikes(intervals):
    times = np.cumsum([0.0, *intervals])
    found = max_interval(times)
    rule = MaxInterval()
    for burst in found:
        assert burst.n_spikes >= rule.n_spikes
        assert burst.begin_s == times[burst.first]
        assert burst.end_s == times[burst.stop - 1]
    for one, other in pairwise(found):
        assert other.begin_s - one.end_s >= rule.between_s - 1e-9


def bursting(within_s, between_s, n=60, spikes=8, seed=1):
    rng = np.random.default_rng(seed)
    times, at = [], 0.0
    for _ in range(n):
        at += between_s * rng.lognormal(0, 0.2)
        for _ in range(spikes):
            times.append(at)
            at += within_s * rng.lognormal(0, 0.2)
    return np.array(times)


def test_log_isi_finds_the_valley_between_the_two_kinds_of_intervals():
    times = bursting(0.005, 1.0)
    threshold_s = log_isi_threshold_s(times)
    assert 0.01 < threshold_s < 0.6
    found = log_isi(times)
    assert len(found) == 60
    assert {burst.n_spikes for burst in found} == {8}


def test_log_isi_extends_cores_where_the_threshold_is_longer_than_100_ms():
    times = bursting(0.04, 8.0)
    late = np.sort(np.concatenate([times, times[7::8] + 0.15]))  # a straggler after each burst
    if (log_isi_threshold_s(late) or 0) > 0.1:
        assert {burst.n_spikes for burst in log_isi(late)} == {9}


def test_without_a_void_100_ms_is_taken():
    times = np.cumsum(np.random.default_rng(2).exponential(0.02, 500))
    assert log_isi_threshold_s(times) is None
    assert all(np.diff(times[b.first : b.stop]).max() <= 0.1 for b in log_isi(times))
    assert log_isi(np.array([1.0])) == []


def test_network_bursts_are_overlaps_on_a_part_of_the_active_channels():
    def burst(a, b):
        return max_interval(np.linspace(a, b, 20))

    bursts = [burst(0.0, 1.0), burst(0.5, 1.5), burst(0.9, 2.0), burst(5.0, 6.0), []]
    assert network_bursts(bursts, 10, 0.2) == [(0.5, 1.5)]
    assert network_bursts(bursts, 10, 0.3) == [(0.9, 1.0)]
    assert network_bursts(bursts, 10, 0.1) == [(0.0, 2.0), (5.0, 6.0)]
    assert network_bursts([], 0) == []


def test_isi_n_takes_n_spikes_of_any_channels_within_a_time():
    times = np.array([0.0, 1.0, 1.01, 1.02, 1.03, 2.0, 3.0, 3.01, 3.02])
    assert isi_n(times, 3, 0.02) == [(1.0, 1.03), (3.0, 3.02)]
    assert isi_n(times, 4, 0.03) == [(1.0, 1.03)]
    assert isi_n(times, 20, 0.1) == []
