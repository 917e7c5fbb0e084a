"""Bursts: hand-computed cases of the published definitions, limits included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.analysis.bursts import (
    ISI_N_S,
    MaxInterval,
    isi_n,
    isi_n_spikes,
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
    result = max_interval(times)
    rule = MaxInterval()
    for burst in result:
        assert burst.n_spikes >= rule.n_spikes
        assert burst.begin_s == times[burst.first]
        assert burst.end_s == times[burst.stop - 1]
    for item, other in pairwise(result):
        assert other.begin_s - item.end_s >= rule.between_s - 1e-9


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
    result = log_isi(times)
    assert len(result) == 60
    assert {burst.n_spikes for burst in result} == {8}


def test_log_isi_extends_cores_where_the_threshold_is_longer_than_100_ms():
    times = bursting(0.05, 8.0)
    late = np.sort(np.concatenate([times, times[7::8] + 0.15]))  # a straggler after each burst
    assert 0.15 < log_isi_threshold_s(late) < 1.0
    assert {burst.n_spikes for burst in log_isi(late)} == {9}


def test_without_a_void_100_ms_is_taken():
    times = np.cumsum(np.random.default_rng(2).exponential(0.02, 500))
    assert log_isi_threshold_s(times) is None
    assert all(np.diff(times[b.first : b.stop]).max() <= 0.1 for b in log_isi(times))
    assert log_isi(np.array([1.0])) == []


def test_network_bursts_are_overlaps_on_a_part_of_the_active_channels():
    begins_ends = [(0.0, 1.0), (0.5, 1.5), (0.9, 2.0), (5.0, 6.0)]
    trains = [np.linspace(begin, end, 40) for begin, end in begins_ends]
    alone = [np.arange(k, 100.0, 9.7) for k in range(6)]  # active, and without a burst
    bursts = [max_interval(times) for times in (*trains, *alone)]

    def of(part, taking_part):
        return network_bursts([*trains, *alone], bursts, 100.0, part, taking_part)

    assert of(0.2, 0.2) == [(0.5, 1.5)]
    assert of(0.1, 0.1) == [(0.0, 2.0), (5.0, 6.0)]
    assert of(0.3, 0.1) == [(0.9, 1.0)]
    assert of(0.2, 0.5) == []  # three of ten take part
    assert network_bursts(trains, bursts[:4], 100.0) == [(0.0, 2.0)]
    assert network_bursts([], [], 100.0) == []


def test_tonic_channels_have_no_network_bursts_and_true_ones_are_counted():
    """By overlap alone, 60 Poisson trains of 2 to 6 Hz had some twenty a minute."""
    rng = np.random.default_rng(1)
    tonic = [np.sort(rng.uniform(0, 60, rng.poisson(60 * hz))) for hz in np.linspace(2, 6, 60)]
    true_s = np.arange(5.0, 60, 10)
    trains = [
        np.sort(np.concatenate([t, *(true_s + rng.exponential(0.05, (15, 6)))])) for t in tonic
    ]
    for times_s, expected in ((tonic, 0), (trains, len(true_s))):
        bursts = [max_interval(each) for each in times_s]
        assert len(network_bursts(times_s, bursts, 60.0)) == expected
        everything = np.sort(np.concatenate(times_s))
        assert len(isi_n(everything, isi_n_spikes(60), ISI_N_S)) == expected
    any_overlap = network_bursts(tonic, [max_interval(t) for t in tonic], 60.0, taking_part=0.01)
    assert len(any_overlap) > 10


def test_isi_n_takes_n_spikes_of_any_channels_within_a_time():
    times = np.array([0.0, 1.0, 1.01, 1.02, 1.03, 2.0, 3.0, 3.01, 3.02])
    assert isi_n(times, 3, 0.02) == [(1.0, 1.03), (3.0, 3.02)]
    assert isi_n(times, 4, 0.03) == [(1.0, 1.03)]
    assert isi_n(times, 20, 0.1) == []


def naive_max_interval(times, rule):
    """The method's description (NeuroExplorer), step by step; spikes' indices."""
    result, first = [], None
    for i in range(1, len(times)):
        interval = times[i] - times[i - 1]
        if first is None and interval <= rule.begin_s:
            first = i - 1
        elif first is not None and interval > rule.end_s:
            result.append([first, i])
            first = None
    if first is not None:
        result.append([first, len(times)])
    merged = result[:1]
    for first, stop in result[1:]:
        if times[first] - times[merged[-1][1] - 1] < rule.between_s:
            merged[-1][1] = stop
        else:
            merged.append([first, stop])
    return [
        (first, stop)
        for first, stop in merged
        if times[stop - 1] - times[first] >= rule.duration_s and stop - first >= rule.n_spikes
    ]


@given(
    st.lists(st.integers(1, 40), max_size=80),
    st.tuples(st.integers(1, 15), st.integers(0, 15), st.integers(0, 40)),
    st.tuples(st.integers(0, 50), st.integers(2, 6)),
)
def test_max_interval_is_its_description(intervals, limits, least):
    times = np.cumsum([0.0, *intervals])  # whole seconds: limits are met exactly
    begin_s, times_after_s, between_s = limits
    rule = MaxInterval(begin_s, begin_s + times_after_s, between_s, *least)
    result = [(burst.first, burst.stop) for burst in max_interval(times, rule)]
    assert result == naive_max_interval(times, rule)


def test_log_isi_finds_no_bursts_where_no_intervals_are_short():
    times = np.cumsum(np.random.default_rng(2).lognormal(np.log(2.0), 0.3, 300))
    assert log_isi_threshold_s(times) == 0
    assert log_isi(times) == []


def test_log_isi_takes_100_ms_where_its_threshold_is_a_second_or_more():
    rng = np.random.default_rng(5)
    intervals = rng.lognormal(np.log(0.07), 1.0, (60, 30))  # up to seconds
    intervals[:, -1] = 1000.0
    times = np.cumsum(intervals)
    assert log_isi_threshold_s(times) >= 1.0
    assert all(np.diff(times[b.first : b.stop]).max() <= 0.1 for b in log_isi(times))


def test_isi_n_tells_bursts_apart_that_follow_at_once():
    times = np.array([0.0, 0.01, 0.02, 0.035, 0.045, 0.055])
    assert isi_n(times, 3, 0.02) == [(0.0, 0.02), (0.035, 0.055)]
    assert isi_n(times[:-1], 3, 0.02) == [(0.0, 0.02)]  # two spikes are left: none
    assert isi_n(times, 3, 0.026) == [(0.0, 0.055)]


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(2, 5), st.integers(1, 30))
def test_isi_n_bursts_hold_n_near_spikes_and_leave_none_out(intervals, n, longest):
    times = np.cumsum([0.0, *intervals])
    result = isi_n(times, n, float(longest))
    near = [i for i in range(len(times) - n + 1) if times[i + n - 1] - times[i] <= longest]
    assert bool(result) == bool(near)
    for item, other in pairwise(result):
        assert item[1] <= other[0]
    for a, b in result:
        assert ((times >= a) & (times <= b)).sum() >= n
        assert any(a <= times[i] <= b for i in near)
