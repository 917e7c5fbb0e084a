"""Activity has the statistics of crepe.analysis, once a period, however the spikes are cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.activity import Describe
from crepe.actors.actor import ActorContext
from crepe.analysis import bursts, rates
from crepe.messages import Spikes, StreamInfo

INFO = StreamInfo("Spikes", 1000.0, ("a", "b", "c"))


def described(spikes, edges, **fields):
    """Of spikes (sample, channel) in windows that end at the edges; they begin at the first."""
    actor, result = Describe(**{"period_s": 1.0, "over_s": 4.0, **fields}), []
    actor.open(ActorContext(inputs={"data:spikes": INFO}))
    for a, b in pairwise(edges):
        inside = [s for s in spikes if a <= s[0] < b]
        sample, channel = np.array(inside, int).reshape(-1, 2).T
        heights = np.zeros(len(inside), np.float32)
        result += actor.step(Spikes(a, b, channel.astype(np.int32), sample, heights))
    return result


BURST = [(1000 + 20 * i, c) for i in range(10) for c in (0, 1)]
RANDOM = sorted(
    (int(t), c) for c in (0, 1) for t in np.random.default_rng(c).choice(9000, 300, replace=False)
)


def test_it_speaks_once_a_period_of_the_last_while():
    expected = [(0, 1000), (0, 2000), (0, 3000), (0, 4000), (1000, 5000), (2000, 6000)]
    for window in (10, 250, 6000):
        result = described([], range(0, 6001, window))
        assert [(item.start, item.stop) for item in result] == expected


def test_periods_are_those_of_the_clock_and_a_gap_begins_anew():
    result = described([], range(700, 4000, 100))
    assert [(item.start, item.stop) for item in result] == [(700, 2000), (700, 3000)]
    actor = Describe(period_s=1.0, over_s=4.0)
    actor.open(ActorContext(inputs={"data:spikes": INFO}))
    result = [*actor.step(Spikes.none(0, 1500)), *actor.step(Spikes.none(1600, 3500))]
    assert [(item.start, item.stop) for item in result] == [(0, 1000), (1600, 3000)]


def test_rates_bursts_and_regularity_are_of_the_last_while():
    result = described(BURST, range(0, 9001, 10))
    after = result[2]  # at 3 s: the burst is 2 s ago
    assert after.rate_hz.tolist() == pytest.approx([10 / 3, 10 / 3, 0.0])
    assert after.n_bursts.tolist() == [1, 1, 0]
    assert (after.n_network_bursts, after.n_isi_n_bursts) == (1, 1)
    assert after.interval_cv[:2] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert np.isnan(after.interval_cv[2])
    assert after.fano_factor[0] == pytest.approx(np.var([0, 10, 0]) / np.mean([0, 10, 0]))
    assert result[-1].rate_hz.sum() == 0
    assert result[-1].n_network_bursts == 0


def test_it_says_what_the_offline_functions_say():
    last = described(RANDOM, [0, 9000])[-1]
    assert (last.start, last.stop) == (5000, 9000)
    for channel in range(3):
        times_s = np.array([t - 5000 for t, c in RANDOM if c == channel and t >= 5000]) / 1000
        assert last.rate_hz[channel] == np.float32(rates.mean_rate_hz(times_s, 4.0))
        assert last.n_bursts[channel] == len(bursts.max_interval(times_s))
        np.testing.assert_equal(last.interval_cv[channel], np.float32(rates.cv(times_s)))
        fano = rates.fano_factor(rates.counts_in(times_s, 1.0, 4.0))
        np.testing.assert_equal(last.fano_factor[channel], np.float32(fano))


@settings(deadline=None)
@given(st.sets(st.integers(1, 8999), max_size=20))
def test_it_does_not_depend_on_how_the_spikes_are_cut(cuts):
    whole = described(RANDOM, [0, 9000])
    parts = described(RANDOM, [0, *sorted(cuts), 9000])
    assert len(whole) == len(parts) == 9
    for item, other in zip(whole, parts, strict=True):
        for name in item.__slots__:
            np.testing.assert_equal(getattr(item, name), getattr(other, name))
