"""Samples at which a channel stands still: held by its amplifier, at the rail, or dead."""

# Decision 54: held and saturated amplifiers.

import numpy as np
from numpy.typing import NDArray

_STILL_MS = 1.0  # chosen: no amplifier gives the same count for so long, nor so often
_STILL_SAMPLES = 5  # at least, for slow recordings


class Stillness:
    """Marks the samples that equal those of the last millisecond, part by part."""

    def __init__(self, n_channels: int, sampling_rate_hz: float) -> None:
        self._n_least = max(_STILL_SAMPLES, round(_STILL_MS * sampling_rate_hz / 1000))
        self._n_channels = n_channels
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after a gap."""
        self._last: NDArray[np.generic] | None = None  # (n_channels,): the newest samples
        self._n_equal = np.zeros(self._n_channels, np.int64)  # how many before it equal it

    def mark(self, samples: NDArray[np.generic]) -> NDArray[np.bool_] | None:
        """Return whether each of the next samples stands still: (n_channels, n_samples).

        None if none does.
        """
        rows = self._repeating(samples)
        n_before, self._n_equal = self._n_equal, np.zeros(self._n_channels, np.int64)
        last, self._last = self._last, samples[:, -1].copy()
        if not len(rows):
            return None
        some = samples[rows]
        is_equal = np.empty(some.shape, np.bool_)
        np.equal(some[:, 1:], some[:, :-1], out=is_equal[:, 1:])
        is_equal[:, 0] = False if last is None else some[:, 0] == last[rows]
        at = np.arange(samples.shape[1])
        since = np.maximum.accumulate(np.where(is_equal, -1, at), axis=1)
        n_equal = np.where(since >= 0, at - since, at + 1 + n_before[rows, np.newaxis])
        self._n_equal[rows] = n_equal[:, -1]
        is_run = n_equal >= self._n_least
        if not is_run.any():
            return None
        is_still = np.zeros(samples.shape, np.bool_)
        is_still[rows] = is_run
        return is_still

    def _repeating(self, samples: NDArray[np.generic]) -> NDArray[np.intp]:
        """Return the channels that may have a run, go on with one, or begin one at the end.

        Noise repeats few samples, so that most have none. A run has two neighbours of a grid half
        as wide as its least length.
        """
        half = self._n_least // 2
        in_grid = samples[:, half::half] == samples[:, half - 1 : -1 : half]
        may_stand = np.logical_or.reduce(in_grid[:, 1:] & in_grid[:, :-1], axis=1)
        before_last = samples[:, -2] if samples.shape[1] > 1 else self._last
        if before_last is not None:
            may_stand |= samples[:, -1] == before_last
        if self._last is not None:
            may_go_on = self._n_equal > 0
            if in_grid.shape[1]:  # it has not the first sample
                may_go_on |= in_grid[:, 0]
            may_stand |= may_go_on & (samples[:, 0] == self._last)
        rows: NDArray[np.intp] = np.flatnonzero(may_stand)
        return rows
