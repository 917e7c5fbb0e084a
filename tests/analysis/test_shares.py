"""Intervals of shares: exact for one block, wider where blocks differ."""

import numpy as np
import pytest

from crepe.analysis.shares import share_interval


def test_a_single_block_has_the_interval_of_clopper_and_pearson():
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 5
    assert share_interval([81], [263]) == pytest.approx((0.2527, 0.3676), abs=1e-4)
    assert share_interval([0], [20]) == pytest.approx((0.0, 0.1684), abs=1e-4)
    assert share_interval([1], [29]) == pytest.approx((0.0009, 0.1776), abs=1e-4)
    assert np.isnan(share_interval([], [])).all()
    assert np.isnan(share_interval([0, 0], [0, 0])).all()


def test_blocks_that_do_not_differ_are_as_good_as_one():
    assert share_interval([5, 5, 5], [10, 10, 10]) == share_interval([15], [30])
    assert share_interval([10, 10, 0], [10, 10, 0]) == share_interval([20], [20])


def test_blocks_that_differ_make_it_wider():
    low, high = share_interval([1, 5, 9], [10, 10, 10])
    plain_low, plain_high = share_interval([15], [30])
    assert low < plain_low
    assert high > plain_high


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.1, 0.15])
def test_it_holds_the_truth_whatever_the_spread_between_blocks(spread):
    """Five blocks of 30 trials; Wilson's interval holds it in 0.70 at a spread of 0.15."""
    rng = np.random.default_rng(7)
    n_held = 0
    for _ in range(400):
        right = rng.binomial(30, np.clip(rng.normal(0.6, spread, 5), 0, 1))
        low, high = share_interval(right, [30] * 5)
        n_held += low <= 0.6 <= high
    assert n_held >= 0.93 * 400
