"""Noise level of each channel, window by window."""

import numpy as np
from numpy.typing import NDArray

MAD_TO_SD = 0.6745
"""Median of the absolute value of a normal variable of SD 1 (Quiroga et al. 2004)."""
_NEAR = np.float32(0.07)  # part of the last median; four standard errors of 10,000 samples


class NoiseLevel:
    """median(|x|) / 0.6745 of each channel over a window that is filled part by part.

    The medians are exact. Sorting a whole window takes longer than a segment lasts, so only the
    samples near the last window's median are sorted; if the new median is not among them, all are.
    """

    def __init__(self, n_channels: int, n_samples: int) -> None:
        self._magnitude = np.empty((n_channels, n_samples), np.float32)
        self._n = 0  # samples of the window so far
        self._last = np.full(n_channels, -1.0, np.float32)  # medians; -1: none yet

    def add(self, part: NDArray[np.float32]) -> None:
        """Add samples, (n_channels, n_samples), at most as many as the window lacks."""
        begin, self._n = self._n, self._n + part.shape[1]
        np.abs(part, out=self._magnitude[:, begin : self._n])

    def level_uv(self) -> NDArray[np.float32]:
        """Return the levels, (n_channels,), over the samples so far, at least one."""
        magnitude = self._magnitude[:, : self._n]
        pairs = zip(magnitude, self._last, strict=True)
        self._last = np.array([_median(row, near) for row, near in pairs], np.float32)
        level: NDArray[np.float32] = (self._last / MAD_TO_SD).astype(np.float32)
        return level

    def restart(self) -> None:
        """Begin the next window."""
        self._n = 0


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
