"""Spikes counted by channel and time, for the raster, the array's map and the population rate."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Spikes, StreamInfo

KEPT_S = 60.0
NEWEST_S = 10.0
"""So long single spikes are kept, for the traces."""
BIN_S = 0.02
MOST_ROWS = 128
"""Rows of a raster; of larger arrays several channels share one."""


class Counts:
    """Spikes of the last minute in bins of 20 ms: (n_channels, n_bins).

    Bins lie at multiples of their length on the sample index. What is missing counts as none;
    `gaps` says where that is.
    """

    def __init__(self, info: StreamInfo) -> None:
        self.n_channels = max(1, info.n_channels)
        self.bin_samples = max(1, round(BIN_S * info.sampling_rate_hz))
        self.bin_s = self.bin_samples / info.sampling_rate_hz
        self.n_bins = round(KEPT_S / BIN_S)
        self.stop = 0
        self._counts = np.zeros((self.n_channels, self.n_bins), np.uint16)
        self._newest: deque[Spikes] = deque()  # of the last seconds

    def take(self, spikes: Spikes) -> None:
        """Take in the next window."""
        self.reach(spikes.stop)
        if len(spikes.sample):
            self._newest.append(spikes)
        while (
            self._newest
            and self._newest[0].stop < self.stop - NEWEST_S / self.bin_s * self.bin_samples
        ):
            self._newest.popleft()
        bins = spikes.sample // self.bin_samples % self.n_bins
        channel = np.minimum(spikes.channel, self.n_channels - 1)
        np.add.at(self._counts, (channel, bins), 1)

    def reach(self, stop: int) -> None:
        """Time goes on, up to sample index `stop`."""
        if stop <= self.stop:
            return
        known, last = -(-self.stop // self.bin_samples), (stop - 1) // self.bin_samples
        fresh = np.arange(max(known, last + 1 - self.n_bins), last + 1) % self.n_bins
        self._counts[:, fresh] = 0
        self.stop = stop

    @property
    def n_rows(self) -> int:
        """Rows of the raster."""
        return min(self.n_channels, MOST_ROWS)

    def raster(self, first: int, stop: int) -> NDArray[np.uint8]:
        """Bins [first, stop): (n_rows, stop - first), each at most 255."""
        found = self._counts[:, np.arange(first, stop) % self.n_bins]
        if self.n_rows < self.n_channels:
            edges = np.arange(self.n_rows) * self.n_channels // self.n_rows
            found = np.add.reduceat(found, edges, axis=0)
        return np.minimum(found, 255).astype(np.uint8)

    def population(self, first: int, stop: int) -> NDArray[np.float32]:
        """Bins [first, stop): spikes per second and channel."""
        found = self._counts[:, np.arange(first, stop) % self.n_bins].sum(axis=0, dtype=np.float32)
        per_s: NDArray[np.float32] = found / np.float32(self.n_channels * self.bin_s)
        return per_s

    def rates_hz(self, seconds: float = 1.0) -> NDArray[np.float32]:
        """(n_channels,), over the last whole bins."""
        stop = self.stop // self.bin_samples
        n = min(stop, max(1, round(seconds / self.bin_s)))
        if n == 0:
            return np.zeros(self.n_channels, np.float32)
        bins = np.arange(stop - n, stop) % self.n_bins
        found = self._counts[:, bins].sum(axis=1, dtype=np.float32)
        per_s: NDArray[np.float32] = found / np.float32(n * self.bin_s)
        return per_s

    def newest(self, after: int, channels: Sequence[int]) -> tuple[list[int], list[int]]:
        """Single spikes after sample `after`: positions in `channels`, and sample indices."""
        at = {channel: i for i, channel in enumerate(channels)}
        found = [
            (at[channel], sample)
            for spikes in self._newest
            if spikes.stop > after
            for channel, sample in zip(spikes.channel.tolist(), spikes.sample.tolist(), strict=True)
            if channel in at and sample >= after
        ]
        return [place for place, _ in found], [sample for _, sample in found]
