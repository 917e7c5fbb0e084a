"""A session for SpikeInterface: its samples as a recording with a probe, spikes and stimuli.

>>> recording = CrepeRecording("last")
>>> sorting = sorting_of("last")

A segment of SpikeInterface has no gap, so that each stretch of samples between two gaps is one. Its
start time is that of the session. Spikes are threshold crossings, one unit for each electrode:
multi-unit activity, not sorted.
"""

# Decision 81: why gaps become segments.

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from probeinterface import Probe
from spikeinterface.core import (
    BaseEvent,
    BaseRecording,
    BaseRecordingSegment,
    BaseSorting,
    NumpyEvent,
    NumpySorting,
)
from spikeinterface.core.base import base_period_dtype

from crepe.electrodes.geometry import as_array, positions_um
from crepe.recording.choice import find_recording
from crepe.results.spikes import spike_trains
from crepe.results.stream_table import stream_table
from crepe.results.streams import stretches
from crepe.results.tables import stimulus_table
from crepe.store import Store
from crepe.store.stream import Stream

_CONTACT_RADIUS_UM = 15.0  # of a 60MEA200/30; SpikeInterface requires a number


class CrepeRecording(BaseRecording):  # type: ignore[misc]
    """A stream of samples, in counts with gains to microvolts, and a probe if all places are known.

    Parameters
    ----------
    session
        ID of a session, `last`, the path of a recording, or an open store. Only what has a path
        can be used by other processes. Of a running session it is what was there at this moment;
        samples that are trimmed before they are read raise GapError.
    stream
        Its name, such as `data` or `data:filtered`.
    """

    def __init__(self, session: str | Path | Store = "last", stream: str = "data") -> None:
        source = _source(session)
        samples = _store(source)[stream]
        info = samples.info
        super().__init__(info.sampling_rate_hz, list(info.labels), info.dtype)
        for start, stop in stretches(samples):
            self.add_recording_segment(_Stretch(samples, start, stop))
        scale = np.broadcast_to(np.asarray(info.scale_uv, np.float64), (info.n_channels,))
        self.set_channel_gains(scale)
        self.set_channel_offsets(np.zeros(info.n_channels))
        self.annotate(
            is_filtered=info.dtype.startswith("float"),
            is_simulated=info.is_simulated,
            session=info.session,
            source=info.source,
        )
        places = as_array(positions_um(info))
        if not np.isnan(places).any():
            self.set_probe(_probe(places, info.labels))
        if isinstance(source, Store):
            self._serializability.update(memory=False, json=False, pickle=False)
        self._kwargs = {"session": source, "stream": stream}

    def table(self, stream: str) -> Any:
        """Return trials, stimuli, spikes or notes as a pandas.DataFrame, by a stream of theirs.

        Raises what `crepe.results.stream_table` raises, and CrepeError without pandas.
        """
        return stream_table(_store(self._kwargs["session"]), stream).to_dataframe()


class _Stretch(BaseRecordingSegment):  # type: ignore[misc]
    """The samples [start, stop) of a stream."""

    def __init__(self, stream: Stream, start: int, stop: int) -> None:
        rate_hz = stream.info.sampling_rate_hz
        super().__init__(sampling_frequency=rate_hz, t_start=start / rate_hz)
        self._stream, self._start, self._stop = stream, start, stop

    def get_num_samples(self) -> int:
        return self._stop - self._start

    def get_traces(
        self, start_frame: int | None, end_frame: int | None, channel_indices: Any = None
    ) -> NDArray[Any]:
        start = self._start + (start_frame or 0)
        stop = self._stop if end_frame is None else self._start + end_frame
        rows = slice(None) if channel_indices is None else channel_indices
        return self._stream.read(start, stop)[rows].T


def sorting_of(session: str | Path | Store = "last", stream: str = "data") -> BaseSorting:
    """Return the detected spikes, for the same segments as `CrepeRecording` of `stream`.

    A unit is an electrode, and its ID the label. Spikes in gaps are left out.
    """
    store = _store(_source(session))
    trains = spike_trains(store)
    of_segments = stretches(store[stream])
    edges = [np.searchsorted(trains.sample, window) for window in of_segments]
    labels = np.array(trains.labels)
    return NumpySorting.from_samples_and_labels(
        [trains.sample[a:b] - window[0] for (a, b), window in zip(edges, of_segments, strict=True)],
        [labels[trains.channel[a:b]] for a, b in edges],
        trains.rate_hz,
        unit_ids=list(trains.labels),
    )


def events_of(session: str | Path | Store = "last") -> BaseEvent:
    """Return the stimuli that were started, by what they encode, in seconds of the session.

    They are in one segment, whose time is that of the session.
    """
    stimuli = stimulus_table(_store(_source(session)))
    fired = {name: of["fired_s"] for name, of in stimuli.by("stimulus").items()}
    return NumpyEvent.from_dict(
        [{name or "stimulus": times_s[~np.isnan(times_s)] for name, times_s in fired.items()}]
    )


def train_periods(
    session: str | Path | Store = "last", stream: str = "data", margin_s: float = 0.05
) -> NDArray[Any]:
    """Return the periods of stimulation in the segments of `CrepeRecording` of `stream`.

    This is what `spikeinterface.preprocessing.silence_periods` takes. A period begins with the
    command to start, before the first pulse, and ends `margin_s` after the last pulse is due.
    """
    store = _store(_source(session))
    rate_hz = store[stream].info.sampling_rate_hz
    periods: list[list[int]] = []  # segment, start, stop
    for segment, (first, end) in enumerate(stretches(store[stream])):
        for row in sorted(stimulus_table(store), key=lambda row: row["fired"]):
            train_s = row["n_pulses"] / row["pulse_rate_hz"] + margin_s
            if np.isnan(row["fired"]) or not first <= row["fired"] < end:
                continue
            start = int(row["fired"]) - first
            stop = min(start + round(train_s * rate_hz), end - first)
            if periods and periods[-1][0] == segment and start <= periods[-1][2]:
                periods[-1][2] = max(stop, periods[-1][2])
            else:
                periods.append([segment, start, stop])
    return np.array([tuple(period) for period in periods], base_period_dtype)


def _source(session: str | Path | Store) -> str | Store:
    if isinstance(session, Store):
        return session
    return str(find_recording(session) if isinstance(session, str) else session)


def _store(source: str | Store) -> Store:
    return source if isinstance(source, Store) else Store(Path(source))


def _probe(places: NDArray[np.float64], labels: tuple[str, ...]) -> Probe:
    probe = Probe(ndim=2, si_units="um")
    probe.set_contacts(places, shapes="circle", shape_params={"radius": _CONTACT_RADIUS_UM})
    probe.set_contact_ids(list(labels))
    probe.set_device_channel_indices(np.arange(len(labels)))
    return probe
