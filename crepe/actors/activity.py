"""How active the culture is, period by period: rates, regularity, bursts."""

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, Start
from crepe.analysis.bursts import max_interval, network_bursts
from crepe.analysis.rates import ACTIVE_HZ, cv
from crepe.messages import Activity, Spikes


class Describe(Actor[Spikes, Activity]):
    """Statistics of the last `over_s`, once every `period_s` of the sample index.

    The definitions are those of `crepe.analysis`; spikes are threshold crossings, multi-unit.
    """

    is_sparse: ClassVar[bool] = True

    period_s: PositiveFloat = 5.0
    over_s: PositiveFloat = 60.0

    _rate_hz: float = PrivateAttr()
    _n_channels: int = PrivateAttr()
    _spikes: deque[Spikes] = PrivateAttr(default_factory=deque)
    _begun: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return self.over_s

    def open(self, start: Start) -> None:
        self._rate_hz, self._n_channels = start.first.sampling_rate_hz, start.first.n_channels

    def step(self, spikes: Spikes) -> Iterator[Activity]:
        if self._begun < 0:
            self._begun = spikes.start
        self._spikes.append(spikes)
        while self._spikes[0].stop <= spikes.stop - self.over_s * self._rate_hz:
            self._begun = self._spikes.popleft().stop
        period = round(self.period_s * self._rate_hz)
        if spikes.stop // period > spikes.start // period:
            yield self._describe(spikes)

    def _describe(self, newest: Spikes) -> Activity:
        duration_s = (newest.stop - self._begun) / self._rate_hz
        channel = np.concatenate([each.channel for each in self._spikes])
        sample = np.concatenate([each.sample for each in self._spikes])
        times_s = [
            np.sort(sample[channel == c] - self._begun) / self._rate_hz
            for c in range(self._n_channels)
        ]
        rate_hz = np.array([len(each) for each in times_s]) / duration_s
        bursts = [max_interval(each) for each in times_s]
        n_active = int((rate_hz >= ACTIVE_HZ).sum())
        return Activity(
            newest.start,
            newest.stop,
            rate_hz.astype(np.float32),
            np.array([cv(each) for each in times_s], np.float32),
            np.array([len(each) for each in bursts], np.int32),
            len(network_bursts(bursts, n_active)) if n_active else 0,
        )
