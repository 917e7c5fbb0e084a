"""Counts of spikes by channel and time, for raster, array and population rate."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Spikes, StreamInfo

KEPT_S = 60.0
NEWEST_S = 10.0
"""Single spikes of so many seconds are kept, for the marks at the traces."""
BIN_S = 0.02
MOST_ROWS = 128
"""Rows of a raster; of larger arrays several channels share one."""


class Counts:
    """Spikes of the last minute in bins of 20 ms: (n_channels, n_bins).

    Bins lie at multiples of their length on the sample index. Missing samples count as no spikes;
    the gaps in the data are sent beside the counts.
    """

    def __init__(self, info: StreamInfo) -> None:
        self.n_channels = max(1, info.n_channels)
        self.bin_samples = max(1, round(BIN_S * info.sampling_rate_hz))
        self.bin_s = self.bin_samples / info.sampling_rate_hz
        self.n_bins = round(KEPT_S / BIN_S)
        self.stop = 0
        self.n_spikes = 0  # of all windows
        self._counts = np.zeros((self.n_channels, self.n_bins), np.uint16)
        self._newest: deque[Spikes] = deque()  # of the last seconds

    def take(self, spikes: Spikes) -> None:
        """Add the next window of spikes."""
        self.reach(spikes.stop)
        self.n_spikes += len(spikes.sample)
        if len(spikes.sample):
            self._newest.append(spikes)
        while (
            self._newest
            and self._newest[0].stop < self.stop - NEWEST_S / self.bin_s * self.bin_samples
        ):
            self._newest.popleft()
        bins = spikes.sample // self.bin_samples % self.n_bins
        channel = np.minimum(spikes.channel, self.n_channels - 1)
        # `+= 1` would count several spikes of a channel in one bin once.
        np.add.at(self._counts, (channel, bins), 1)

    def reach(self, stop: int) -> None:
        """Move the time on to sample index `stop`, and empty the bins up to there."""
        if stop <= self.stop:
            return
        # Rounded up: the bin that `self.stop` cuts already holds spikes, and must keep them.
        begin, last = -(-self.stop // self.bin_samples), (stop - 1) // self.bin_samples
        fresh = np.arange(max(begin, last + 1 - self.n_bins), last + 1) % self.n_bins
        self._counts[:, fresh] = 0
        self.stop = stop

    @property
    def n_rows(self) -> int:
        """Rows of the raster."""
        return min(self.n_channels, MOST_ROWS)

    def raster(self, first: int, stop: int) -> NDArray[np.uint8]:
        """Return the counts of bins [first, stop), at most 255 each: (n_rows, stop - first)."""
        counts = self._counts[:, np.arange(first, stop) % self.n_bins]
        if self.n_rows < self.n_channels:
            edges = np.arange(self.n_rows) * self.n_channels // self.n_rows
            counts = np.add.reduceat(counts, edges, axis=0)
        return np.minimum(counts, 255).astype(np.uint8)

    def population(self, first: int, stop: int) -> NDArray[np.float32]:
        """Return spikes per second and channel in bins [first, stop): (stop - first,)."""
        bins = np.arange(first, stop) % self.n_bins
        totals = self._counts[:, bins].sum(axis=0, dtype=np.float32)
        per_s: NDArray[np.float32] = totals / np.float32(self.n_channels * self.bin_s)
        return per_s

    def rates_hz(self, seconds: float = 1.0) -> NDArray[np.float32]:
        """Return the rate of each channel over the last whole bins: (n_channels,)."""
        stop = self.stop // self.bin_samples
        n = min(stop, max(1, round(seconds / self.bin_s)))
        if n == 0:
            return np.zeros(self.n_channels, np.float32)
        bins = np.arange(stop - n, stop) % self.n_bins
        totals = self._counts[:, bins].sum(axis=1, dtype=np.float32)
        per_s: NDArray[np.float32] = totals / np.float32(n * self.bin_s)
        return per_s

    def newest(self, after: int, channels: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return the single spikes from `after` on: positions in `channels`, and sample indices."""
        positions = {channel: i for i, channel in enumerate(channels)}
        marks = [
            (positions[channel], sample)
            for spikes in self._newest
            if spikes.stop > after
            for channel, sample in zip(spikes.channel.tolist(), spikes.sample.tolist(), strict=True)
            if channel in positions and sample >= after
        ]
        return [position for position, _ in marks], [sample for _, sample in marks]
