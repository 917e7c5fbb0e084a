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


def test_it_agrees_with_elephant():
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
