"""The place code: every site its part of the wall, and noise that keeps its distances."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.games.pong.place_code import rate_hz, site, unpredictable


@given(st.floats(0, 1), st.integers(2, 60))
def test_a_site_stands_for_its_part_of_the_wall(y, n):
    result = site(y, n)
    assert 0 <= result < n
    assert result / n <= y + 1e-9
    assert y <= (result + 1) / n + 1e-9


@pytest.mark.parametrize(("x", "expected"), [(1.0, 4.0), (0.5, 22.0), (0.0, 40.0)])
def test_the_rate_grows_as_the_ball_comes_near(x, expected):
    assert rate_hz(x, 4.0, 40.0) == expected


@given(st.integers(0, 10_000), st.integers(0, 30), st.integers(1, 300), st.integers(0, 5000))
def test_unpredictable_pulses_keep_their_distance_and_their_span(seed, n, apart, room):
    span = n * apart + room
    result = unpredictable(np.random.default_rng(seed), n, span, apart, 8)
    assert len(result) == n
    times = [time for time, _ in result]
    assert all(b - a >= apart for a, b in pairwise(times))
    assert all(0 <= time <= span - apart for time in times)
    assert {place for _, place in result} <= set(range(8))


def test_all_sites_and_times_are_equally_likely():
    rng = np.random.default_rng(1)
    result = [pulse for _ in range(500) for pulse in unpredictable(rng, 20, 40_000, 200, 8)]
    assert max(Counter(place for _, place in result).values()) < 1400
    assert np.mean([time for time, _ in result]) == pytest.approx(20_000, abs=500)
