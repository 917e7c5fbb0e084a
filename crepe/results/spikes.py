"""The spikes of a session by electrode, from a running session, a recording or a loop's memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.rates import Times, psth_hz
from crepe.electrodes.geometry import positions_um
from crepe.messages import Position, Spikes
from crepe.recording.coverage import Coverage
from crepe.results.streams import stream_of
from crepe.results.table import Table
from crepe.store import Store, Stream
from crepe.store.channels import row_index
from crepe.store.stream import Gaps

PAGE_S = 60.0  # read at once, so that an hour of spikes needs little memory


@dataclass(frozen=True, eq=False, repr=False)
class SpikeTrains(Mapping[str, Times]):
    """All threshold crossings of a session (multi-unit activity), by the label of the electrode.

    `trains["47"]` is an array (n_spikes,) of seconds from sample 0 of the session, sorted; all
    functions of `crepe.analysis` take it. The attributes hold the spikes of all electrodes.
    """

    channel: NDArray[np.int32]  # (n,): index of the electrode in `labels`
    sample: NDArray[np.int64]  # (n,): sample index of the peak, sorted
    amplitude_uv: NDArray[np.float32]  # (n,): value at the peak
    labels: tuple[str, ...]
    rate_hz: float  # sampling
    stop: int  # length of the stream in samples
    gaps: Gaps  # windows without data, also that before the first sample kept
    positions_um: tuple[Position | None, ...] = ()  # of the electrodes; None: not known

    def __getitem__(self, electrode: str) -> Times:
        """Return the times of an electrode's spikes, (n_spikes,), in seconds."""
        return self.samples(electrode) / self.rate_hz

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels)

    def __len__(self) -> int:
        """Return the number of electrodes."""
        return len(self.labels)

    def __repr__(self) -> str:
        return (
            f"<SpikeTrains: {len(self.sample)} spikes (threshold crossings) of {len(self)} "
            f"electrodes in {self.covered_s:.2f} s, {self.coverage.gaps_text}>"
        )

    @property
    def coverage(self) -> Coverage:
        """The data that the spikes are of: its duration and its gaps."""
        return Coverage(self.stop, self.gaps, self.rate_hz)

    @property
    def covered_s(self) -> float:
        """Seconds outside the gaps."""
        return self.coverage.covered_s

    @cached_property
    def _by_channel(self) -> list[NDArray[np.int64]]:
        order = np.argsort(self.channel, kind="stable")
        edges = np.searchsorted(self.channel[order], np.arange(1, len(self.labels)))
        return np.split(self.sample[order], edges)

    def samples(self, electrode: str) -> NDArray[np.int64]:
        """Return the sample indices of an electrode's spikes, (n_spikes,), sorted.

        Raises KeyError for an unknown label.
        """
        of_electrode: NDArray[np.int64] = self._by_channel[
            row_index(str(electrode), self.labels, "spikes")
        ]
        return of_electrode

    def rates_hz(self) -> dict[str, float]:
        """Return the spikes per second of each electrode, over the time outside the gaps."""
        rate_hz = self.coverage.rate_hz
        return {label: rate_hz(len(times_s)) for label, times_s in self.items()}

    def psth_hz(
        self, events_s: Sequence[float] | Times, before_s: float, after_s: float, bin_s: float
    ) -> NDArray[np.float64]:
        """Return each electrode's rate around events: the peri-stimulus time histogram.

        By `crepe.analysis.rates.psth_hz`, from the events of `whole`; nan without any.

        Parameters
        ----------
        events_s
            Times of the events in seconds, such as the column `fired_s` of `stimulus_table`.
        before_s, after_s
            Seconds shown before and after an event.
        bin_s
            Width of a bin in seconds.

        Returns
        -------
        (n_electrodes, (before_s + after_s) / bin_s)

        Examples
        --------
        >>> spikes.psth_hz(stimuli["fired_s"], before_s=0.1, after_s=0.4, bin_s=0.01)
        """
        whole_s = self.whole(events_s, before_s, after_s)
        return np.array([psth_hz(t_s, whole_s, before_s, after_s, bin_s) for t_s in self.values()])

    def whole(self, events_s: Sequence[float] | Times, before_s: float, after_s: float) -> Times:
        """Return the events whose window was recorded as a whole; not nan, cut by no gap or end."""
        events = np.asarray(events_s, np.float64)
        events = events[~np.isnan(events)]
        first, last = (events - before_s) * self.rate_hz, (events + after_s) * self.rate_hz
        is_whole = (first >= 0) & (last <= self.stop)
        for start, stop in self.gaps:
            is_whole &= (last <= start) | (first >= stop)
        whole: Times = events[is_whole]
        return whole

    def table(self) -> Table:
        """Return all spikes in order of time: electrode, sample, time_s, amplitude_uv."""
        return Table(
            {
                "electrode": np.array(self.labels, object)[self.channel],
                "sample": self.sample,
                "time_s": self.sample / self.rate_hz,
                "amplitude_uv": self.amplitude_uv,
            }
        )


def spike_trains(store: Store) -> SpikeTrains:
    """Return the spikes that a store holds, from its first stream of `Spikes`.

    Raises ConfigError if there is none: `crepe play --file PATH` detects spikes in a file.

    Examples
    --------
    >>> spikes = spike_trains(Store("last"))
    >>> spikes["47"]
    >>> spikes.rates_hz()
    """
    stream = stream_of(Spikes, store)
    info, first, stop = stream.info, stream.first, len(stream)
    page = round(PAGE_S * info.sampling_rate_hz)
    pages = [spikes_in(stream, i, min(i + page, stop)) for i in range(first, stop, page)]
    channel = np.concatenate([np.empty(0, np.int32), *(part[0] for part in pages)])
    sample = np.concatenate([np.empty(0, np.int64), *(part[1] for part in pages)])
    amplitude_uv = np.concatenate([np.empty(0, np.float32), *(part[2] for part in pages)])
    order = np.argsort(sample, kind="stable")
    # Samples before the begin of a recording, or trimmed away, are missing and not silent.
    gaps = stream.gaps(0, stop)
    return SpikeTrains(
        channel[order],
        sample[order],
        amplitude_uv[order],
        info.labels,
        info.sampling_rate_hz,
        stop,
        gaps,
        positions_um(info),
    )


def spikes_in(
    stream: Stream, start: int, stop: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]]:
    """Return channel, sample index and amplitude (uV) of the spikes in [start, stop), (n,) each."""
    windows = [m for m in stream.messages(start, stop) if isinstance(m, Spikes)]
    channel = np.concatenate([np.empty(0, np.int32), *(m.channel for m in windows)])
    sample = np.concatenate([np.empty(0, np.int64), *(m.sample for m in windows)])
    amplitude_uv = np.concatenate([np.empty(0, np.float32), *(m.amplitude_uv for m in windows)])
    is_inside = (sample >= start) & (sample < stop)
    return channel[is_inside], sample[is_inside], amplitude_uv[is_inside]
