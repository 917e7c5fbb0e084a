"""Rates and intervals of a channel's spikes, and their regularity."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]  # (n_spikes,), seconds, sorted

ACTIVE_HZ = 0.1
"""A channel with a lower rate is not active (Cotterill et al. 2016, J Neurophysiol 116:306)."""


def mean_rate_hz(times_s: Times, duration_s: float) -> float:
    """Return the spikes per second."""
    return len(times_s) / duration_s


def is_active(
    trains: Sequence[Times], duration_s: float, least_hz: float = ACTIVE_HZ
) -> list[bool]:
    """Return, for each channel, whether its rate is at least `least_hz`."""
    return [mean_rate_hz(times_s, duration_s) >= least_hz for times_s in trains]


def intervals_s(times_s: Times) -> Times:
    """Return the intervals from spike to spike: (n_spikes - 1,)."""
    return np.diff(times_s)


def cv(times_s: Times) -> float:
    """Return the coefficient of variation of the intervals, SD / mean; 1 for a Poisson process."""
    isi_s = intervals_s(times_s)
    return float(isi_s.std() / isi_s.mean()) if len(isi_s) else np.nan


def cv2(times_s: Times) -> float:
    """Return the coefficient of variation of neighbouring intervals (Holt et al. 1996, J
    Neurophysiol 75:1806), which a slow change of the rate does not affect."""
    isi_s = intervals_s(times_s)
    if len(isi_s) < 2:
        return np.nan
    return float(np.mean(2 * np.abs(np.diff(isi_s)) / (isi_s[1:] + isi_s[:-1])))


def lv(times_s: Times) -> float:
    """Return the local variation (Shinomoto, Shima & Tanji 2003, Neural Comput 15:2823)."""
    isi_s = intervals_s(times_s)
    if len(isi_s) < 2:
        return np.nan
    return float(3 * np.mean((np.diff(isi_s) / (isi_s[1:] + isi_s[:-1])) ** 2))


def fano_factor(counts: Sequence[int] | NDArray[np.int64]) -> float:
    """Return variance over mean of the counts in equal windows, or in repeated trials."""
    values = np.asarray(counts, np.float64)
    return float(values.var() / values.mean()) if len(values) and values.any() else np.nan


def counts_in(times_s: Times, window_s: float, duration_s: float) -> NDArray[np.int64]:
    """Return the number of spikes in each whole window of [0, duration)."""
    # Rounding must neither drop the last window nor move a spike to the one before.
    n = int(duration_s / window_s + 1e-9)
    place = np.floor(times_s / window_s + 1e-9).astype(np.int64)
    return np.bincount(place[(place >= 0) & (place < n)], minlength=n)


def psth_hz(
    times_s: Times, events_s: Sequence[float] | Times, before_s: float, after_s: float, bin_s: float
) -> Times:
    """Return the mean rate around events (peri-stimulus time histogram), in spikes per second.

    With a channel's spikes as the events it is the spike-triggered histogram, or cross-correlogram.
    A bin includes its beginning, not its end.

    Returns
    -------
    ((before_s + after_s) / bin_s,)
    """
    n = round((before_s + after_s) / bin_s)
    if not len(events_s):
        return np.full(n, np.nan)
    edges_s = np.asarray(events_s)[:, np.newaxis] - before_s + bin_s * np.arange(n + 1)
    counts = np.diff(np.searchsorted(times_s, edges_s), axis=1).sum(axis=0)
    rate_hz: Times = counts / (len(events_s) * bin_s)
    return rate_hz
