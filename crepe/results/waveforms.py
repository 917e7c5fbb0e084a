"""Waveforms of spikes, cut out of a recorded signal after the session."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Segment
from crepe.results.spikes import spike_trains
from crepe.results.streams import stream_of
from crepe.store import Store, Stream

FILTERED = "data:filtered"
PAGE_S = 1.0  # longest stretch that is read at once


@dataclass(frozen=True, eq=False, repr=False)
class Waveforms:
    """Cut-outs around the spikes of one electrode.

    Spikes too near to the beginning, the end or a gap of the signal have none, and are counted.
    """

    uv: NDArray[np.float32]  # (n_spikes, n_channels, n_samples), microvolts
    sample: NDArray[np.int64]  # (n_spikes,): sample index of the peak
    electrodes: tuple[str, ...]  # of the channels
    time_s: NDArray[np.float64]  # (n_samples,): seconds from the peak
    stream: str  # name of the stream they were cut from
    n_cut: int  # spikes without a whole waveform, which are left out

    def __repr__(self) -> str:
        n_spikes, n_channels, n_samples = self.uv.shape
        return (
            f"<Waveforms of {n_spikes} spikes, {n_channels} channels, {n_samples} samples, from "
            f"{self.stream!r}; {self.n_cut} spikes at an edge or a gap left out>"
        )


def waveforms(
    store: Store,
    electrode: str,
    *,
    channels: tuple[str, ...] = (),
    stream: str = "",
    before_s: float = 0.001,
    after_s: float = 0.002,
) -> Waveforms:
    """Return the waveforms of an electrode's spikes.

    Parameters
    ----------
    electrode
        Its label.
    channels
        Labels of the electrodes whose signal is cut out; by default the same electrode's.
    stream
        Name of the signal; by default `data:filtered` where there is one, in which peaks were
        found, else the first stream of samples, with a warning that it is not filtered.
    before_s, after_s
        Seconds before the peak, and from the peak on.

    Raises
    ------
    KeyError
        An unknown electrode or stream.
    ConfigError
        No spikes, or no samples, were recorded.

    Examples
    --------
    >>> cut = waveforms(Store("last"), "47")
    >>> cut.uv[:, 0].mean(axis=0)  # mean waveform, microvolts
    """
    signal = store[stream] if stream else _signal(store)
    rate_hz = signal.info.sampling_rate_hz
    n_before, n_after = round(before_s * rate_hz), max(1, round(after_s * rate_hz))
    peaks = spike_trains(store).samples(electrode)
    rows = channels or (electrode,)
    is_inside = (peaks - n_before >= signal.first) & (peaks + n_after <= len(signal))
    cutouts, kept = [np.empty((0, len(rows), n_before + n_after))], [np.empty(0, np.int64)]
    for page in _pages(peaks[is_inside], round(PAGE_S * rate_hz)):
        start = int(page[0]) - n_before
        samples = signal.read(start, int(page[-1]) + n_after, fill=np.nan)
        uv = signal.scaled(samples)[signal.rows(list(rows))]
        windows = (page - n_before - start)[:, None] + np.arange(n_before + n_after)
        cut = uv[:, windows].swapaxes(0, 1)
        is_whole = ~np.isnan(cut).any(axis=(1, 2))
        cutouts.append(cut[is_whole])
        kept.append(page[is_whole])
    sample = np.concatenate(kept)
    return Waveforms(
        np.concatenate(cutouts).astype(np.float32),
        sample,
        tuple(rows),
        np.arange(-n_before, n_after) / rate_hz,
        signal.name,
        len(peaks) - len(sample),
    )


def _signal(store: Store) -> Stream:
    if FILTERED in store:
        return store[FILTERED]
    signal = stream_of(Segment, store)
    warnings.warn(
        f"{FILTERED} was not recorded: waveforms are cut from {signal.name}, which is not "
        f"filtered; stream={signal.name!r} chooses it without this warning",
        stacklevel=3,
    )
    return signal


def _pages(peaks: NDArray[np.int64], longest: int) -> list[NDArray[np.int64]]:
    """Return the peaks in groups that reach over at most `longest` samples."""
    pages = []
    first = 0
    while first < len(peaks):
        last = int(np.searchsorted(peaks, peaks[first] + longest, side="right"))
        pages.append(peaks[first:last])
        first = last
    return pages
