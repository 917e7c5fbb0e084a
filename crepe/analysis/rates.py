"""Rates and intervals: how much a channel fires, and how regularly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]  # (n_spikes,), seconds, sorted

ACTIVE_HZ = 0.1
"""A channel with fewer spikes is not active (Cotterill et al. 2016, J Neurophysiol 116:306)."""


def mean_rate_hz(times_s: Times, duration_s: float) -> float:
    """Spikes per second."""
    return len(times_s) / duration_s


def is_active(
    trains: Sequence[Times], duration_s: float, least_hz: float = ACTIVE_HZ
) -> list[bool]:
    """Which channels fire at least so often."""
    return [mean_rate_hz(times_s, duration_s) >= least_hz for times_s in trains]


def intervals_s(times_s: Times) -> Times:
    """(n_spikes - 1,): from spike to spike."""
    return np.diff(times_s)


def cv(times_s: Times) -> float:
    """Coefficient of variation of the intervals: SD over mean; 1 for a Poisson process."""
    found = intervals_s(times_s)
    return float(found.std() / found.mean()) if len(found) else np.nan


def cv2(times_s: Times) -> float:
    """The same from neighbouring intervals, so that a slow change of the rate does not count
    (Holt et al. 1996, J Neurophysiol 75:1806)."""
    found = intervals_s(times_s)
    if len(found) < 2:
        return np.nan
    return float(np.mean(2 * np.abs(np.diff(found)) / (found[1:] + found[:-1])))


def lv(times_s: Times) -> float:
    """Local variation (Shinomoto, Shima & Tanji 2003, Neural Comput 15:2823)."""
    found = intervals_s(times_s)
    if len(found) < 2:
        return np.nan
    return float(3 * np.mean((np.diff(found) / (found[1:] + found[:-1])) ** 2))


def fano_factor(counts: Sequence[int] | NDArray[np.int64]) -> float:
    """Variance over mean of the counts in equal windows, or in repeated trials."""
    values = np.asarray(counts, np.float64)
    return float(values.var() / values.mean()) if len(values) and values.any() else np.nan


def counts_in(times_s: Times, window_s: float, duration_s: float) -> NDArray[np.int64]:
    """Spikes in each whole window of [0, duration)."""
    n = int(duration_s / window_s + 1e-9)
    place = np.floor(times_s / window_s + 1e-9).astype(np.int64)
    return np.bincount(place[(place >= 0) & (place < n)], minlength=n)


def psth_hz(
    times_s: Times, events_s: Sequence[float] | Times, before_s: float, after_s: float, bin_s: float
) -> Times:
    """Mean rate around events (peri-stimulus time histogram), spikes per second in each bin.

    With a channel's spikes as the events it is the spike-triggered histogram, or cross-correlogram.
    A bin holds its beginning, not its end.

    Returns
    -------
    ((before_s + after_s) / bin_s,)
    """
    n = round((before_s + after_s) / bin_s)
    if not len(events_s):
        return np.full(n, np.nan)
    edges_s = np.asarray(events_s)[:, np.newaxis] - before_s + bin_s * np.arange(n + 1)
    counts = np.diff(np.searchsorted(times_s, edges_s), axis=1).sum(axis=0)
    found: Times = counts / (len(events_s) * bin_s)
    return found
