"""Activity of the culture, period by period: rates, regularity, bursts."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.analysis.bursts import ISI_N_S, isi_n, isi_n_spikes, max_interval, network_bursts
from crepe.analysis.rates import ACTIVE_HZ, counts_in, cv, fano_factor
from crepe.messages import Activity, Spikes


class Describe(Actor[Spikes, Activity]):
    """Statistics of the last `over_s`, once every `period_s` of the sample index.

    The definitions are those of `crepe.analysis`; spikes are threshold crossings, multi-unit. The
    window of a message is that of its statistics: after the beginning or a gap it is shorter than
    `over_s`, but at least a period. A burst across the window's edge counts with its part inside,
    if that is a burst.
    """

    is_sparse: ClassVar[bool] = True

    period_s: PositiveFloat = 5.0
    """Interval between two messages, on the grid of the sample index."""
    over_s: PositiveFloat = 60.0
    """Length of the window that the statistics describe; at least a period."""
    count_s: PositiveFloat = 1.0
    """Length of the equal parts in which spikes are counted for the Fano factor."""

    _rate_hz: float = PrivateAttr()
    _n_channels: int = PrivateAttr()
    _period: int = PrivateAttr()  # samples
    _over: int = PrivateAttr()  # samples
    _channel: NDArray[np.int32] = PrivateAttr()  # of the spikes held, in order of time
    _sample: NDArray[np.int64] = PrivateAttr()
    _begun: int = PrivateAttr(0)
    _stop: int = PrivateAttr(-1)
    _due: int = PrivateAttr(0)  # sample index at which the next period ends

    @property
    def warmup_s(self) -> float:
        return self.over_s + self.period_s

    def open(self, context: ActorContext) -> None:
        self._rate_hz, self._n_channels = context.first.sampling_rate_hz, context.first.n_channels
        self._period = max(1, round(self.period_s * self._rate_hz))
        self._over = max(self._period, round(self.over_s * self._rate_hz))

    def step(self, spikes: Spikes) -> Iterator[Activity]:
        if spikes.start != self._stop:
            self._channel, self._sample = np.empty(0, np.int32), np.empty(0, np.int64)
            self._begun = spikes.start
            # The grid is that of the sample index, so a restart keeps it.
            self._due = (-(-spikes.start // self._period) + 1) * self._period
        self._stop = spikes.stop
        if len(spikes.sample):
            self._channel = np.concatenate([self._channel, spikes.channel])
            self._sample = np.concatenate([self._sample, spikes.sample])
        while self._due <= spikes.stop:
            yield self._describe(max(self._begun, self._due - self._over), self._due)
            self._due += self._period

    def _describe(self, start: int, stop: int) -> Activity:
        first, end = np.searchsorted(self._sample, [start, stop]).tolist()
        self._channel, self._sample = self._channel[first:], self._sample[first:]
        channel, sample = self._channel[: end - first], self._sample[: end - first]
        duration_s = (stop - start) / self._rate_hz
        order = np.argsort(channel, kind="stable")
        ends = np.cumsum(np.bincount(channel, minlength=self._n_channels))
        trains = np.split((sample[order] - start) / self._rate_hz, ends[:-1])
        rate_hz = np.array([len(each) for each in trains]) / duration_s
        bursts = [max_interval(each) for each in trains]
        n_active = int((rate_hz >= ACTIVE_HZ).sum())
        counts = [counts_in(each, self.count_s, duration_s) for each in trains]
        return Activity(
            start,
            stop,
            rate_hz.astype(np.float32),
            np.array([cv(each) for each in trains], np.float32),
            np.array([fano_factor(each) for each in counts], np.float32),
            np.array([len(each) for each in bursts], np.int32),
            len(network_bursts(trains, bursts, duration_s)),
            len(isi_n((sample - start) / self._rate_hz, isi_n_spikes(n_active), ISI_N_S)),
        )
