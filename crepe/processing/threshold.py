"""Threshold crossings of many channels, and the peaks after them."""

import numpy as np
from numpy.typing import NDArray


def falling_crossings(
    samples: NDArray[np.float32], limit: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return where channels fall below their limits.

    Parameters
    ----------
    samples
        (n_channels, 1 + n_samples): the first column is the sample before the ones searched.
    limit
        (n_channels, 1), in the unit of the samples. A channel whose limit is not below 0 has no
        crossing: its noise level is 0, so it is dead.

    Returns
    -------
    (n_crossings, 2): offset among the searched samples and channel, in order of time.
    """
    is_below = (samples < np.where(limit < 0, limit, -np.inf)).reshape(-1)
    # They are few: to sort them is faster than to search transposed samples.
    below = np.flatnonzero(is_below)
    channel, column = np.divmod(below, samples.shape[1])
    is_crossing = (column > 0) & ~is_below[below - 1]
    channel, offset = channel[is_crossing], column[is_crossing] - 1
    order = np.argsort(offset, kind="stable")
    return np.stack((offset[order], channel[order]), axis=1)


def peaks_after(
    samples: NDArray[np.float32],
    crossings: NDArray[np.int64],
    blocked_until: NDArray[np.int64],
    *,
    first: int,
    n_align: int,
    n_rest: int,
) -> list[tuple[int, int, float]]:
    """Return the minimum after each crossing that does not follow another too closely.

    Parameters
    ----------
    samples, crossings
        As given to `falling_crossings`, with `n_align` samples more, and as returned by it.
    blocked_until
        (n_channels,): sample index before which a channel has no other peak; changed in place.
    first
        Sample index of the first of the searched samples.
    n_align
        Length, in samples, of the window after a crossing in which the minimum is sought.
    n_rest
        Samples after a peak without another one.

    Returns
    -------
    list of (sample index, channel, value)
    """
    peaks = []
    for offset, channel in crossings.tolist():
        if first + offset < blocked_until[channel]:
            continue
        after = samples[channel, offset + 1 : offset + 1 + n_align]
        lag = int(after.argmin())
        blocked_until[channel] = first + offset + lag + n_rest
        peaks.append((first + offset + lag, channel, float(after[lag])))
    return peaks
