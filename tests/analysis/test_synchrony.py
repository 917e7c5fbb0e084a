"""The spike time tiling coefficient: its limits, and elephant's values."""

import numpy as np
import pytest

from crepe.analysis.synchrony import connectivity, sttc

RNG = np.random.default_rng(3)


def train(n, duration_s=30.0):
    return np.sort(RNG.uniform(0, duration_s, n))


def test_a_train_is_wholly_in_time_with_itself():
    times = train(50)
    assert sttc(times, times, 30.0) == pytest.approx(1.0)


def test_trains_that_avoid_each_other_are_below_zero():
    times = np.arange(0.5, 30, 1.0)
    assert sttc(times, times + 0.5, 30.5, 0.1) < 0


def test_independent_trains_are_about_zero():
    result = [sttc(train(200), train(300), 30.0) for _ in range(30)]
    assert abs(np.mean(result)) < 0.05


def test_without_a_spike_there_is_no_synchrony():
    assert np.isnan(sttc(np.empty(0), train(5), 30.0))


def brute_force(first, second, duration_s, dt_s):
    """The definition, spike by spike; the tiled time by the union of the windows."""

    def part_near(a, b):
        return np.mean([np.min(np.abs(b - at)) <= dt_s for at in a])

    def tiled(times):
        covered, reached = 0.0, 0.0
        for at in np.sort(times):
            begin, end = max(at - dt_s, reached), min(at + dt_s, duration_s)
            covered, reached = covered + max(0.0, end - begin), max(reached, end)
        return covered / duration_s

    p = part_near(first, second), part_near(second, first)
    t = tiled(second), tiled(first)
    parts = [1.0 if a * b == 1 else (a - b) / (1 - a * b) for a, b in zip(p, t, strict=True)]
    return sum(parts) / 2


def test_it_is_the_definition_spike_by_spike():
    """Of minutes as well: elephant's windows grow with time (its pull request 706)."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        duration_s = float(rng.choice([30.0, 60.0, 600.0]))
        first, second = (np.sort(rng.uniform(0, duration_s, rng.integers(1, 400))) for _ in "ab")
        for dt_s in (0.05, 0.005):
            expected = brute_force(first, second, duration_s, dt_s)
            assert sttc(first, second, duration_s, dt_s) == pytest.approx(expected, abs=1e-9)


def test_it_agrees_with_elephant_where_elephant_is_right():
    reference = pytest.importorskip(
        "elephant.spike_train_correlation", reason="needs pip install '.[analysis]'"
    )
    neo, pq = pytest.importorskip("neo"), pytest.importorskip("quantities")
    for n, m, dt_s in [(5, 9, 0.005), (100, 150, 0.05), (400, 300, 0.1), (1, 1, 0.05)]:
        item, other = train(n), train(m)
        trains = [neo.SpikeTrain(t * pq.s, t_stop=30.0 * pq.s) for t in (item, other)]
        expected = float(reference.spike_time_tiling_coefficient(*trains, dt=dt_s * pq.s))
        assert sttc(item, other, 30.0, dt_s) == pytest.approx(expected, abs=1e-9)


def test_connections_are_what_shifted_trains_do_not_have():
    driver = train(60)
    follower = np.sort(np.concatenate([driver + 0.01, train(20)]))
    result = connectivity([driver, follower, train(80)], 31.0, np.random.default_rng(1))
    assert result[0, 1] == result[1, 0] > 0.3
    assert result[0, 2] < 0.1
    assert (np.diag(result) == 0).all()


def test_unrelated_trains_are_rarely_linked_however_many_pairs_there_are():
    """By each pair's own 99 % quantile, 2 in 100 pairs were: one or two of these networks' 66."""
    rng = np.random.default_rng(2)
    n_networks = 0
    for _ in range(10):
        trains = [np.sort(rng.uniform(0, 60, rng.poisson(120))) for _ in range(12)]
        n_networks += bool((connectivity(trains, 60.0, rng) > 0).any())
    assert n_networks <= 2
