"""Noise level of each channel, window by window."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MAD_TO_SD = 0.6745
"""Median of the absolute value of a normal variable of SD 1 (Quiroga et al. 2004)."""
_BLOCK_S, _BLOCK_SAMPLES = 0.0005, 5  # of the search for quiet runs; at least so many samples
_QUIET = np.float32(0.3)  # part of the median block's maximum; both chosen so that white noise in
_QUIET_BLOCKS = 4  # the spike band gave no such run in 12,000 channel seconds
_BEFORE_BLOCKS, _AFTER_BLOCKS = 3, 2  # around a run, in which a band-pass still responds
_NEAR = np.float32(0.07)  # part of the last median; four standard errors of 10,000 samples
_TOGETHER = 8  # channels that are measured in one go: so many fit into the processor's cache


class NoiseLevel:
    """median(|x|) / 0.6745 of each channel over a window that is filled part by part.

    The medians are exact. Sorting a whole window takes longer than a segment lasts, so only the
    samples near the last window's median are sorted; if the new median is not among them, all are.
    A window that has ended can be measured channel by channel while the next one is filled.
    """

    def __init__(self, n_channels: int, n_samples: int, sampling_rate_hz: float) -> None:
        self._n_block = max(_BLOCK_SAMPLES, round(_BLOCK_S * sampling_rate_hz))
        self._magnitude = np.empty((n_channels, n_samples), np.float32)
        self._n = 0  # samples of the window so far
        self._ended = self._magnitude[:, :0]  # the window that is measured
        self._spare: NDArray[np.float32] | None = None  # holds every second window
        self._n_measured = n_channels  # channels of the window that has ended
        self._last = np.full(n_channels, -1.0, np.float32)  # medians; -1: none yet

    def add(self, part: NDArray[np.float32]) -> None:
        """Add samples, (n_channels, n_samples), at most as many as the window lacks."""
        begin, self._n = self._n, self._n + part.shape[1]
        np.abs(part, out=self._magnitude[:, begin : self._n])

    def level_uv(self) -> NDArray[np.float32]:
        """Return the levels, (n_channels,), over the samples so far, at least one.

        0 for a channel that moved in less than a tenth of the whole window, and in less than half
        of a shorter one: that is too little to trust.
        """
        self._begin_measuring()
        return self.ended_level_uv()

    def restart(self) -> None:
        """Begin the next window."""
        self._n = 0

    def end_window(self) -> None:
        """Begin the next window, and keep this one to be measured until that one ends."""
        self._begin_measuring()
        spare = np.empty_like(self._magnitude) if self._spare is None else self._spare
        self._spare, self._magnitude = self._magnitude, spare
        self.restart()

    def measure(self, part: float) -> None:
        """Measure as many channels of the window that has ended as this part of them asks for.

        A few are measured together, so that parts may be ahead of it.
        """
        while self._n_measured < min(1.0, part) * len(self._last):
            some = slice(self._n_measured, self._n_measured + _TOGETHER)
            magnitude = self._ended[some]
            least = min(self._magnitude.shape[1] // 10, magnitude.shape[1] // 2)
            moving: list[NDArray[np.float32]] = list(magnitude)
            for channel, runs in self._quiet_runs(magnitude):
                moving[channel] = _outside(magnitude[channel], runs, max(1, least))
            pairs = zip(moving, self._last[some], strict=True)
            self._last[some] = [_median(row, near) for row, near in pairs]
            self._n_measured += len(magnitude)

    def ended_level_uv(self) -> NDArray[np.float32]:
        """Return the levels, as `level_uv` does, of the window that has ended."""
        self.measure(1.0)
        level: NDArray[np.float32] = (self._last / MAD_TO_SD).astype(np.float32)
        return level

    def _begin_measuring(self) -> None:
        self._ended = self._magnitude[:, : self._n]
        self._n_measured = 0

    def _quiet_runs(
        self, magnitude: NDArray[np.float32]
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield the channels with quiet runs, and the runs with their margins, (n, 2) samples."""
        n_blocks = magnitude.shape[1] // self._n_block
        if n_blocks < _QUIET_BLOCKS:
            return
        highest = _block_maxima(magnitude, self._n_block)
        usual = np.partition(highest, n_blocks // 2, axis=1)[:, n_blocks // 2]
        for channel in np.flatnonzero((highest == 0).any(axis=1)).tolist():
            present = highest[channel][highest[channel] > 0]
            usual[channel] = np.median(present) if len(present) else 1.0
        is_quiet = highest < _QUIET * usual[:, np.newaxis]
        is_run = is_quiet[:, : n_blocks - _QUIET_BLOCKS + 1].copy()
        for shift in range(1, _QUIET_BLOCKS):
            is_run &= is_quiet[:, shift : n_blocks - _QUIET_BLOCKS + 1 + shift]
        for channel in np.flatnonzero(is_run.any(axis=1)).tolist():
            first = np.flatnonzero(is_run[channel])
            edges = [first - _BEFORE_BLOCKS, first + _QUIET_BLOCKS + _AFTER_BLOCKS]
            yield channel, np.stack(edges, axis=1) * self._n_block


def _block_maxima(magnitude: NDArray[np.float32], n_block: int) -> NDArray[np.float32]:
    """Return the maximum of each whole block of samples, (n_channels, n_blocks)."""
    # Maxima of 2, 4, 8, ... neighbours: contiguous, unlike those of an axis of 5 or 10.
    highest, n = magnitude, 1
    while 2 * n <= n_block:
        highest = np.maximum(highest[:, :-n], highest[:, n:])
        n *= 2
    end, shift = magnitude.shape[1] - n_block + 1, n_block - n  # two of them make a block
    blocks: NDArray[np.float32] = np.maximum(
        highest[:, :end:n_block], highest[:, shift : shift + end : n_block]
    )
    return blocks


def _outside(row: NDArray[np.float32], runs: NDArray[np.int64], least: int) -> NDArray[np.float32]:
    """Return the samples of a channel outside the runs, (n, 2); a single 0 if they are too few."""
    depth = np.zeros(len(row) + 1, np.int64)
    np.add.at(depth, np.clip(runs[:, 0], 0, len(row)), 1)
    np.add.at(depth, np.clip(runs[:, 1], 0, len(row)), -1)
    moving = row[np.cumsum(depth[:-1]) == 0]
    return moving if len(moving) >= least else np.zeros(1, np.float32)


def _median(row: NDArray[np.float32], near: np.float32) -> np.float32:
    low, high = (len(row) - 1) // 2, len(row) // 2  # equal for an odd number of samples
    # In the first window `near` is -1: no sample is near it, so all are sorted.
    lowest = near * (1 - _NEAR)
    is_low = row < lowest
    n_below = int(np.count_nonzero(is_low))
    if n_below <= low:
        is_near = row <= near * (1 + _NEAR)
        is_near ^= is_low
        middle = np.compress(is_near, row)  # in two thirds of the time of an index by the mask
        if high < n_below + len(middle):
            row, low, high = middle, low - n_below, high - n_below
    ordered = np.partition(row, high)
    # A partition only puts `high` in its place; its lower neighbour is anywhere below.
    other = ordered[high] if low == high else ordered[:high].max()
    return np.float32((ordered[high] + other) / np.float32(2))
