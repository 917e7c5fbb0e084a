"""Bursts of one channel, by two published definitions, and bursts of the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from crepe.analysis.rates import Times, intervals_s, is_active

Span = tuple[float, float]  # begin and end, seconds

_SAME_S = 1e-9  # tolerance: rounding must not move an interval across a limit


@dataclass(frozen=True)
class Burst:
    """A run of spikes: indices of its first and of the one after its last, and its times."""

    first: int
    stop: int
    begin_s: float
    end_s: float

    @property
    def n_spikes(self) -> int:
        """Number of spikes."""
        return self.stop - self.first

    @property
    def duration_s(self) -> float:
        """Time from the first spike to the last."""
        return self.end_s - self.begin_s


@dataclass(frozen=True)
class MaxInterval:
    """Settings of the MaxInterval method (NeuroExplorer; Cotterill et al. 2016)."""

    begin_s: float = 0.17  # a burst begins with an interval of at most this
    end_s: float = 0.3  # and continues while intervals are at most this
    between_s: float = 0.2  # bursts with a smaller gap are one
    duration_s: float = 0.01  # shorter ones do not count
    n_spikes: int = 3  # nor do those of fewer spikes


def max_interval(times_s: Times, settings: MaxInterval | None = None) -> list[Burst]:
    """Return bursts in four steps: find runs, merge near ones, drop short ones, drop small ones."""
    rule = settings or MaxInterval()
    runs = _runs(intervals_s(times_s), rule.begin_s, rule.end_s)
    merged: list[tuple[int, int]] = []
    for first, stop in runs:
        if merged and times_s[first] - times_s[merged[-1][1] - 1] < rule.between_s - _SAME_S:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((first, stop))
    bursts = [_burst(times_s, first, stop) for first, stop in merged]
    return [
        b
        for b in bursts
        if b.duration_s >= rule.duration_s - _SAME_S and b.n_spikes >= rule.n_spikes
    ]


def _runs(intervals: Times, begin_s: float, end_s: float) -> list[tuple[int, int]]:
    """Return runs of spikes as (first, index after the last).

    A run begins with an interval of at most `begin_s`, and its intervals are at most `end_s`.
    """
    is_within = intervals <= end_s + _SAME_S
    edges = np.flatnonzero(np.diff(is_within.astype(np.int8), prepend=0, append=0))
    short = np.flatnonzero(intervals <= begin_s + _SAME_S)
    stops = edges[1::2]
    place = np.searchsorted(short, edges[::2])
    short = np.append(short, len(intervals))  # place after the last short interval
    firsts = short[place]
    has_begun = firsts < stops
    return list(zip(firsts[has_begun].tolist(), (stops[has_begun] + 1).tolist(), strict=True))


def _burst(times_s: Times, first: int, stop: int) -> Burst:
    return Burst(first, stop, float(times_s[first]), float(times_s[stop - 1]))


# logISI (Pasquale, Martinoia & Chiappalone 2010, J Comput Neurosci 29:213)
LEAST_VOID = 0.7
LONGEST_WITHIN_S = 0.1
"""Limit of intervals within bursts, and the threshold where the histogram has no void."""
LONGEST_S = 1.0
"""A longer threshold separates no bursts (Cotterill et al. 2016); then 100 ms is used, too."""
PEAK_DISTANCE = 2  # bins
BINS_PER_DECADE = 10


def log_isi_threshold_s(times_s: Times) -> float | None:
    """Return the interval that separates intervals within bursts from those between them.

    In the logarithmic histogram of intervals, take the highest peak within 100 ms and the first
    later peak that a void parameter of at least 0.7 separates from it. The threshold is the minimum
    between them; None without such a void, 0 without the first peak, and so without bursts. The
    authors smooth the histogram by local regression; a Gaussian of one bin is used here.
    """
    isi_ms = intervals_s(times_s) * 1000
    isi_ms = isi_ms[isi_ms > 0]
    if len(isi_ms) < 3:
        return None
    top = max(1, int(np.ceil(np.log10(isi_ms.max()))) + 1)
    edges = np.logspace(0, top, top * BINS_PER_DECADE + 1)
    counts, _ = np.histogram(np.clip(isi_ms, 1.0, None), edges)  # below 1 ms: first bin
    smooth = gaussian_filter1d(counts / counts.sum(), 1.0, mode="constant")
    middle_ms = np.sqrt(edges[1:] * edges[:-1])
    # Zeros at both ends, since find_peaks takes no first or last value for a peak.
    peaks, _ = find_peaks(np.concatenate([[0], smooth, [0]]), distance=PEAK_DISTANCE)
    peaks = peaks - 1
    within = peaks[middle_ms[peaks] <= LONGEST_WITHIN_S * 1000]
    if not len(within):
        return 0.0
    first = within[np.argmax(smooth[within])]
    for peak in peaks[peaks > first]:
        lowest = first + int(np.argmin(smooth[first : peak + 1]))
        void = 1 - smooth[lowest] / np.sqrt(smooth[first] * smooth[peak])
        if void >= LEAST_VOID:
            return float(middle_ms[lowest] / 1000)
    return None


def log_isi(times_s: Times, n_spikes: int = 3) -> list[Burst]:
    """Return bursts by the threshold that the channel's own intervals give.

    Where it is longer than 100 ms, cores of bursts use 100 ms, and the threshold extends them.
    """
    threshold_s = log_isi_threshold_s(times_s)
    if threshold_s is None or threshold_s >= LONGEST_S:
        threshold_s = LONGEST_WITHIN_S
    if threshold_s == 0:
        return []
    core_s = min(threshold_s, LONGEST_WITHIN_S)
    isi_s = intervals_s(times_s)
    cores = [(a, b) for a, b in _runs(isi_s, core_s, core_s) if b - a >= n_spikes]
    if threshold_s > core_s:
        begins = np.array([a for a, _ in cores])
        wide = _runs(isi_s, threshold_s, threshold_s)
        cores = [(a, b) for a, b in wide if ((begins >= a) & (begins < b)).any()]
    return [_burst(times_s, first, stop) for first, stop in cores]


# Network bursts


TAKING_PART, PART_SPIKES = 0.5, 3
"""Least share of the active channels that have PART_SPIKES spikes each within ISI_N_S, somewhere in
a network burst. Chosen: MaxInterval calls no fewer spikes a burst; of two simulated cultures all
channels have them in every true one, and 0.27 at most in overlaps that are none."""
ISI_N_S = 0.1
"""Time in which a network burst has these spikes, and those of ISI_N (Bakkum et al. 2013)."""


def isi_n_spikes(n_active: int) -> int:
    """Return N of ISI_N for so many active channels: three of each, at least ten. Chosen.

    Tonic activity of 60 channels at 4 Hz has 24 spikes in ISI_N_S, so a fixed small N counts it.
    """
    return max(10, PART_SPIKES * n_active)


def network_bursts(
    trains: Sequence[Times],
    bursts: Sequence[Sequence[Burst]],
    duration_s: float,
    part: float = 0.2,
    taking_part: float = TAKING_PART,
) -> list[Span]:
    """Return begin and end of the times when the network bursts.

    At least a part of the active channels burst at once (Chiappalone et al. 2005, Neurocomputing
    65:653, with 20 %), and at some moment of it the share `taking_part` of them has PART_SPIKES
    spikes each within ISI_N_S. Without the second condition tonic channels, whose intervals
    MaxInterval often takes for bursts, overlap by chance.

    Parameters
    ----------
    trains, bursts
        The spikes and the bursts of each channel.
    duration_s
        Length of the recording, by which channels are active.
    """
    n_active = sum(is_active(trains, duration_s))
    if not n_active:
        return []
    spans = [[(burst.begin_s, burst.end_s) for burst in each] for each in bursts]
    dense = _overlaps([_dense(times_s) for times_s in trains], n_active, taking_part)
    return [
        (begin_s, end_s)
        for begin_s, end_s in _overlaps(spans, n_active, part)
        if any(first_s <= end_s and last_s + ISI_N_S >= begin_s for first_s, last_s in dense)
    ]


def _dense(times_s: Times) -> list[Span]:
    """Return when a window of ISI_N_S may begin to have PART_SPIKES spikes of a channel."""
    first_s, last_s = times_s[: 1 - PART_SPIKES], times_s[PART_SPIKES - 1 :]
    is_near = last_s - first_s <= ISI_N_S + _SAME_S
    spans: list[Span] = []
    for begin_s, end_s in zip(
        (last_s[is_near] - ISI_N_S).tolist(), first_s[is_near].tolist(), strict=True
    ):
        if spans and begin_s <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end_s, spans[-1][1]))
        else:
            spans.append((min(begin_s, end_s), end_s))
    return spans


def _overlaps(spans: Sequence[Sequence[Span]], n_active: int, part: float) -> list[Span]:
    """Return when at least a part of the active channels have a span at once."""
    edges = sorted(
        (at, step)
        for of_channel in spans
        for begin, end in of_channel
        for at, step in ((begin, 0), (end, 1))  # a begin before an end at a tie
    )
    least = max(1, int(np.ceil(part * n_active - 1e-9)))  # rounding must not add a channel
    together: list[Span] = []
    n, begin_s = 0, 0.0
    for at, is_end in edges:
        n += -1 if is_end else 1
        if not is_end and n == least:
            begin_s = at
        elif is_end and n == least - 1:
            together.append((begin_s, at))
    return together


def isi_n(times_s: Times, n: int, longest_s: float) -> list[tuple[float, float]]:
    """Return network bursts by ISI_N (Bakkum et al. 2013, Front Comput Neurosci 7:193).

    A burst is a run of spikes each of which is one of n, of any channels, within `longest_s`.
    Bursts may follow without a spike between them: as in the authors' program, a burst ends where a
    spike and the n - 1 before it take longer; a rest of fewer than n spikes is none.

    Parameters
    ----------
    times_s
        Of all channels together, sorted.
    """
    if len(times_s) < n:
        return []
    is_near = times_s[n - 1 :] - times_s[: len(times_s) - n + 1] <= longest_s + _SAME_S
    covers = np.zeros(len(times_s) + 1, np.int64)  # +1 where n near spikes begin, -1 after them
    covers[: len(is_near)] += is_near
    covers[n:] -= is_near
    is_inside = np.cumsum(covers[:-1]) > 0
    is_last = np.concatenate([np.zeros(n - 1, np.bool_), is_near])  # of n near ones
    edges = np.flatnonzero(np.diff(is_inside.astype(np.int8), prepend=0, append=0))
    bursts: list[tuple[float, float]] = []
    for first, stop in edges.reshape(-1, 2).tolist():
        begin = first
        for cut in [*(first + np.flatnonzero(~is_last[first:stop])).tolist(), stop]:
            if cut - begin >= n:
                bursts.append((float(times_s[begin]), float(times_s[cut - 1])))
                begin = cut
    return bursts
