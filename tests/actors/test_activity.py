"""Activity: what crepe.analysis says of the last while, once a period."""

import numpy as np
import pytest

from crepe.actors.activity import Describe
from crepe.actors.actor import Start
from crepe.messages import Spikes, StreamInfo

INFO = StreamInfo("Spikes", 1000.0, ("a", "b", "c"))


def described(spikes, stop, window=10, **more):
    actor, found = Describe(period_s=1.0, over_s=4.0, **more), []
    actor.open(Start(inputs={"data:spikes": INFO}))
    for at in range(0, stop, window):
        inside = [s for s in spikes if at <= s[0] < at + window]
        sample, channel = np.array(inside, int).reshape(-1, 2).T
        heights = np.zeros(len(inside), np.float32)
        found += actor.step(Spikes(at, at + window, channel.astype(np.int32), sample, heights))
    return found


BURST = [(1000 + 20 * i, c) for i in range(10) for c in (0, 1)]


def test_it_speaks_once_a_period():
    assert [one.stop for one in described([], 5000)] == [1000, 2000, 3000, 4000, 5000]
    assert [one.stop for one in described([], 5000, window=250)] == [1000, 2000, 3000, 4000, 5000]


def test_rates_bursts_and_regularity_are_of_the_last_while():
    found = described(BURST, 9000)
    after = found[2]  # at 3 s: the burst is 2 s ago
    assert after.rate_hz.tolist() == pytest.approx([10 / 3, 10 / 3, 0.0])
    assert after.n_bursts.tolist() == [1, 1, 0]
    assert after.n_network_bursts == 1
    assert after.interval_cv[:2] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert np.isnan(after.interval_cv[2])
    assert found[-1].rate_hz.sum() == 0
    assert found[-1].n_network_bursts == 0
