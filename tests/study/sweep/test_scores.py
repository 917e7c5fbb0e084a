"""Means over cultures."""

import math

import pytest
from scipy import stats

from crepe.study.sweep.scores import difference, estimate


def test_the_interval_is_students():
    values = [0.4, 0.5, 0.7, 0.55]
    result = estimate(values)
    mean, sem = stats.tmean(values), stats.sem(values)
    assert result.ci95 == pytest.approx(stats.t.interval(0.95, 3, mean, sem))
    assert (result.n, result.median, result.lowest, result.highest) == (4, 0.525, 0.4, 0.7)


def test_of_one_culture_there_is_no_interval_and_of_none_no_mean():
    assert estimate([0.5]).mean == 0.5
    assert all(map(math.isnan, estimate([0.5]).ci95))
    assert math.isnan(estimate([]).mean)


def test_differences_are_within_cultures_that_have_both():
    result = difference([1.0, 2.0, None, 4.0], [0.5, 1.0, 9.0, 2.0], seed=1)
    assert result.n == 3
    assert result.mean == pytest.approx((0.5 + 1.0 + 2.0) / 3)
    assert result.p_value == 0.25  # 2 of 2^3 exchanges are as large
