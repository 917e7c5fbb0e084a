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

    def mark(self, samples: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Return whether each of the next samples stands still, (n_channels, n_samples)."""
        is_equal = np.zeros(samples.shape, np.bool_)
        np.equal(samples[:, 1:], samples[:, :-1], out=is_equal[:, 1:])
        if self._last is not None:
            is_equal[:, 0] = samples[:, 0] == self._last
        is_still = np.zeros(samples.shape, np.bool_)
        n_before, self._n_equal = self._n_equal, np.zeros(self._n_channels, np.int64)
        self._last = samples[:, -1].copy()
        # Noise repeats few samples, so that most channels have too few for a run, and none at the
        # end that the next part could continue.
        may_stand = np.count_nonzero(is_equal, axis=1) + n_before >= self._n_least
        rows = np.flatnonzero(may_stand | is_equal[:, -1])
        if len(rows):
            at = np.arange(samples.shape[1])
            since = np.maximum.accumulate(np.where(is_equal[rows], -1, at), axis=1)
            n_equal = np.where(since >= 0, at - since, at + 1 + n_before[rows, np.newaxis])
            is_still[rows] = n_equal >= self._n_least
            self._n_equal[rows] = n_equal[:, -1]
        return is_still
