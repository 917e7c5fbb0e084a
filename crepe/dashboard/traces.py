"""Voltage traces in the resolution of a screen: minimum and maximum of each millisecond."""

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Segment, StreamInfo
from crepe.processing.noise_level import NoiseLevel

KEPT_S = 10.0
BIN_S = 0.001
WHOLE_ARRAY = 256
"""Arrays of up to so many channels are kept whole; of larger ones only the channels shown."""

Floats = NDArray[np.float32]


class Traces:
    """The last seconds of a stream of segments: (n_kept, n_bins) minima and maxima, microvolts.

    Bins lie at multiples of their length on the sample index; a missing bin is nan. The noise level
    is that of `Detect`: over the last whole second of the sample index.
    """

    def __init__(self, info: StreamInfo) -> None:
        self.bin_samples = max(1, round(BIN_S * info.sampling_rate_hz))
        self.n_bins = round(KEPT_S / BIN_S)
        self.stop = 0  # sample index after the last segment
        self._info = info
        self._second = max(1, round(info.sampling_rate_hz))
        self._scale = np.asarray(info.scale_uv, np.float32)
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)  # channels that are kept
        self._low = np.empty((0, self.n_bins), np.float32)
        self._high = self._low.copy()
        self._restart_noise()
        self.noise_uv: dict[int, float] = {}  # by channel
        self.keep(())

    def keep(self, channels: tuple[int, ...]) -> None:
        """Keep these channels from now on; samples that were kept of them stay."""
        n = self._info.n_channels
        kept = range(n) if n <= WHOLE_ARRAY else sorted({c for c in channels if c < n})
        rows = np.array(kept, np.int64)
        if np.array_equal(rows, self._rows):
            return
        low = np.full((len(rows), self.n_bins), np.nan, np.float32)
        high = low.copy()
        both, new, old = np.intersect1d(rows, self._rows, return_indices=True)
        del both
        low[new], high[new] = self._low[old], self._high[old]
        self._rows, self._low, self._high = rows, low, high
        self._restart_noise()

    def take(self, segment: Segment) -> None:
        """Add the next segment; samples between it and the last one are missing."""
        if not len(self._rows) or segment.stop <= self.stop:
            self.stop = max(self.stop, segment.stop)
            return
        scale = self._scale if self._scale.size == 1 else self._scale[self._rows, None]
        rows = segment.samples if len(self._rows) == len(segment.samples) else None
        rows = segment.samples[self._rows] if rows is None else rows
        samples = rows.astype(np.float32) * scale
        width = self.bin_samples
        first, last = segment.start // width, (segment.stop - 1) // width
        self._forget_until(last)
        # a bin that a segment cuts in two is filled by both: fmin and fmax pass over its nan
        edges = np.maximum(np.arange(first, last + 1) * width - segment.start, 0)
        columns = np.arange(first, last + 1) % self.n_bins
        low = np.minimum.reduceat(samples, edges, axis=1)
        high = np.maximum.reduceat(samples, edges, axis=1)
        self._low[:, columns] = np.fmin(self._low[:, columns], low)
        self._high[:, columns] = np.fmax(self._high[:, columns], high)
        self._add_noise(segment.start, segment.stop, samples)
        self.stop = segment.stop

    def _forget_until(self, last: int) -> None:
        """Empty the bins after `stop`, which hold samples of an earlier round of the ring."""
        begin = -(-self.stop // self.bin_samples)
        fresh = np.arange(max(begin, last + 1 - self.n_bins), last + 1) % self.n_bins
        self._low[:, fresh] = np.nan
        self._high[:, fresh] = np.nan

    def window(
        self, channels: NDArray[np.int64], first: int, stop: int, n_together: int
    ) -> tuple[Floats, Floats]:
        """Return minima and maxima, (n, stop - first), of columns of `n_together` bins each.

        Channels that are not kept are nan.

        Parameters
        ----------
        channels
            (n,); their rows are in this order.
        first, stop
            Columns [first, stop), counted from sample index 0.
        """
        bins = np.arange(first * n_together, stop * n_together) % self.n_bins
        n = len(channels)
        low = np.full((n, stop - first), np.nan, np.float32)
        high = low.copy()
        is_kept = np.isin(channels, self._rows)
        at = np.ix_(np.searchsorted(self._rows, channels[is_kept]), bins)
        shape = (int(is_kept.sum()), stop - first, n_together)
        low[is_kept] = np.fmin.reduce(self._low[at].reshape(shape), axis=2)
        high[is_kept] = np.fmax.reduce(self._high[at].reshape(shape), axis=2)
        return low, high

    # The noise level

    def _restart_noise(self) -> None:
        self._noise = NoiseLevel(len(self._rows), self._second, self._info.sampling_rate_hz)
        self._noise_stop = -1  # where the window that is being filled is filled up to

    def _add_noise(self, start: int, stop: int, samples: Floats) -> None:
        """Add samples to the window of their second; a whole window sets the noise level."""
        if start != self._noise_stop:
            if start % self._second:  # the rest of this second is not enough
                start_at = -(-start // self._second) * self._second
                if start_at >= stop:
                    return
                samples, start = samples[:, start_at - start :], start_at
            self._noise.restart()
        while start < stop:
            edge = min(stop, (start // self._second + 1) * self._second)
            self._noise.add(samples[:, : edge - start])
            samples, start = samples[:, edge - start :], edge
            if edge % self._second == 0:
                levels = self._noise.level_uv()
                self.noise_uv = dict(zip(self._rows.tolist(), levels.tolist(), strict=True))
                self._noise.restart()
        self._noise_stop = stop
