"""Rates and intervals: against hand-made cases, and against elephant where it is installed."""

import numpy as np
import pytest

from crepe.analysis import rates

TRAIN = np.array([0.1, 0.2, 0.4, 0.5, 1.3])


def trains(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return [np.sort(rng.uniform(0, 30, rng.integers(3, 300))) for _ in range(n)]


def test_counts_are_of_half_open_windows():
    assert rates.counts_in(np.array([0.0, 0.1, 0.2, 0.99, 1.0]), 0.1, 1.0).tolist() == [
        1, 1, 1, 0, 0, 0, 0, 0, 0, 1,
    ]  # fmt: skip
    assert rates.counts_in(np.empty(0), 0.5, 2.0).tolist() == [0, 0, 0, 0]


def test_statistics_of_a_train_by_hand():
    assert rates.mean_rate_hz(TRAIN, 2.0) == 2.5
    assert rates.intervals_s(TRAIN) == pytest.approx([0.1, 0.2, 0.1, 0.8])
    assert rates.cv(TRAIN) == pytest.approx(np.std([0.1, 0.2, 0.1, 0.8]) / 0.3)
    assert rates.cv2(TRAIN) == pytest.approx(np.mean([2 * 0.1 / 0.3, 2 * 0.1 / 0.3, 2 * 0.7 / 0.9]))
    assert rates.fano_factor([2, 2, 2]) == 0.0
    assert rates.is_active([TRAIN, TRAIN[:1]], 20.0) == [True, False]


def test_what_is_not_defined_is_nan():
    for statistic in (rates.cv, rates.cv2, rates.lv):
        assert np.isnan(statistic(np.empty(0)))
    assert np.isnan(rates.fano_factor([0, 0]))
    assert np.isnan(rates.psth_hz(TRAIN, [], 0.1, 0.1, 0.1)).all()


def test_a_histogram_around_events_is_a_rate():
    result = rates.psth_hz(np.array([1.05, 1.15, 2.05]), [1.0, 2.0], 0.1, 0.2, 0.1)
    assert result == pytest.approx([0.0, 10.0, 5.0])


def test_statistics_agree_with_elephant():
    statistics = pytest.importorskip(
        "elephant.statistics", reason="needs pip install '.[analysis]'"
    )
    for times in trains():
        intervals = rates.intervals_s(times)
        assert rates.cv(times) == pytest.approx(float(statistics.cv(intervals)), abs=1e-9)
        assert rates.cv2(times) == pytest.approx(float(statistics.cv2(intervals)), abs=1e-9)
        assert rates.lv(times) == pytest.approx(float(statistics.lv(intervals)), abs=1e-9)


@pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")  # elephant's own
def test_rates_intervals_and_histograms_agree_with_elephant():
    statistics = pytest.importorskip(
        "elephant.statistics", reason="needs pip install '.[analysis]'"
    )
    neo = pytest.importorskip("neo")
    for times in trains():
        train = neo.SpikeTrain(times, units="s", t_stop=30.0)
        rate = float(statistics.mean_firing_rate(train).rescale("Hz"))
        assert rates.mean_rate_hz(times, 30.0) == pytest.approx(rate, abs=1e-9)
        np.testing.assert_allclose(rates.intervals_s(times), statistics.isi(times), atol=1e-9)
        histogram = statistics.time_histogram(train, 500 * train.units / 1000)
        counts = histogram.magnitude.ravel()
        np.testing.assert_array_equal(rates.counts_in(times, 0.5, 30.0), counts)
        result = rates.psth_hz(times, [10.0], 10.0, 20.0, 0.5)  # one event: the same, as a rate
        np.testing.assert_allclose(result, counts / 0.5, atol=1e-9)


def test_fano_factors_agree_with_elephant():
    statistics = pytest.importorskip(
        "elephant.statistics", reason="needs pip install '.[analysis]'"
    )
    result = trains()
    expected = float(statistics.fanofactor(result))
    assert rates.fano_factor([len(t) for t in result]) == pytest.approx(expected, abs=1e-9)
