"""Noise level of each channel, window by window."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAD_TO_SD = 0.6745
"""Median of the absolute value of a normal variable of SD 1 (Quiroga et al. 2004)."""
_STILL_RUN = 3  # zeros in a row; a single one comes by chance, as at the beginning of a filter
_MOST_CHANCE_ZEROS = 2  # in a window of all channels, which are not worth a look
_NEAR = np.float32(0.07)  # part of the last median; four standard errors of 10,000 samples


class NoiseLevel:
    """median(|x|) / 0.6745 of each channel over a window that is filled part by part.

    The medians are exact. Sorting a whole window takes longer than a segment lasts, so only the
    samples near the last window's median are sorted; if the new median is not among them, all are.
    """

    def __init__(self, n_channels: int, n_samples: int, margin: int = 0) -> None:
        self._margin = margin
        self._magnitude = np.empty((n_channels, n_samples), np.float32)
        self._n = 0  # samples of the window so far
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
        magnitude = self._magnitude[:, : self._n]
        moving: Sequence[NDArray[np.float32]] = list(magnitude)
        if np.count_nonzero(magnitude) < magnitude.size - _MOST_CHANCE_ZEROS:
            least = min(self._magnitude.shape[1] // 10, self._n // 2)
            moving = [_moving(row, self._margin, least) for row in magnitude]
        pairs = zip(moving, self._last, strict=True)
        self._last = np.array([_median(row, near) for row, near in pairs], np.float32)
        level: NDArray[np.float32] = (self._last / MAD_TO_SD).astype(np.float32)
        return level

    def restart(self) -> None:
        """Begin the next window."""
        self._n = 0


def _moving(row: NDArray[np.float32], margin: int, least: int) -> NDArray[np.float32]:
    """Return the samples of a channel without those at which it stood still; a 0 if too few."""
    is_zero = np.concatenate([[False], row == 0, [False]])
    edges = np.flatnonzero(is_zero[1:] != is_zero[:-1]).reshape(-1, 2)  # of each run of zeros
    edges = edges[edges[:, 1] - edges[:, 0] >= _STILL_RUN]
    if not len(edges):
        return row
    depth = np.zeros(len(row) + 1, np.int64)
    np.add.at(depth, np.maximum(edges[:, 0] - margin, 0), 1)
    np.add.at(depth, np.minimum(edges[:, 1] + margin, len(row)), -1)
    moving = row[np.cumsum(depth[:-1]) == 0]
    return moving if len(moving) >= max(1, least) else np.zeros(1, np.float32)


def _median(row: NDArray[np.float32], near: np.float32) -> np.float32:
    low, high = (len(row) - 1) // 2, len(row) // 2  # equal for an odd number of samples
    # In the first window `near` is -1: no sample is near it, so all are sorted.
    lowest = near * (1 - _NEAR)
    is_low = row < lowest
    n_below = int(np.count_nonzero(is_low))
    if n_below <= low:
        is_near = row <= near * (1 + _NEAR)
        is_near ^= is_low
        middle = row[is_near]
        if high < n_below + len(middle):
            row, low, high = middle, low - n_below, high - n_below
    ordered = np.partition(row, high)
    # A partition only puts `high` in its place; its lower neighbour is anywhere below.
    other = ordered[high] if low == high else ordered[:high].max()
    return np.float32((ordered[high] + other) / np.float32(2))
