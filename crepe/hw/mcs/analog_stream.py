"""One analog stream of a file in the HDF5 layout of Multi Channel Systems, by sample index.

Follows the MCS RawData protocol, versions 1 to 3 (McsPyDataTools documents it). Files written by
`record` have the same layout.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.hw.mcs import channel_table
from crepe.hw.mcs.hdf5_file import one_line, open_hdf5, single, text_of
from crepe.hw.mcs.stimulus_events import stimulus_windows
from crepe.messages import Position, StreamInfo

TRUE_RATE = "CrepeSamplingRateHz"
"""Attribute of an analog stream: the exact rate; `Tick` has whole microseconds only."""

EPOCH_TICKS = 621_355_968_000_000_000  # 1 January 1970 in .NET ticks of 100 ns since year 1
_BLOCK_SAMPLES = 8192  # read from the file at once; a multiple of the usual chunk


class Span(NamedTuple):
    """Consecutive samples: columns [first, first + n) of the file are samples [start, stop)."""

    start: int
    stop: int
    first: int
    is_estimated: bool = False  # time stamps tell the length of each gap


class AnalogStream:
    """An analog stream that is open for reading; sample 0 is its first sample.

    Parameters
    ----------
    path
        The file.
    recording
        Label or name (`Recording_0`) of the recording; by default the first.
    stream
        Label or name (`Stream_1`) of the stream; by default the first with raw electrode data.
    segment_samples
        Length of a segment in `info`.

    Attributes
    ----------
    info
        Description of the stream: labels, rate, microvolts per count.
    spans
        Where its samples lie in time, in order.
    stimuli
        Windows of the recorded stimulation events: (n_events, 2), sample indices.
    notes
        Sentences about what else the file has, and what was taken of it.

    Raises
    ------
    DeviceError
        The file is missing, damaged or of another layout, or has no such stream.
    """

    def __init__(
        self, path: Path, *, recording: str = "", stream: str = "", segment_samples: int = 100
    ) -> None:
        self._path = path
        self.notes: list[str] = []
        self._file = open_hdf5(path)
        try:
            with self._reading():
                group = self._choose_recording(recording)
                name, analog = self._choose_stream(group, stream)
                self.info = self._describe(group, name, analog, segment_samples)
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; harmless to repeat."""
        self._file.close()

    # Choice of the data

    def _choose_recording(self, choice: str) -> h5py.Group:
        data = self._part(self._file, "Data")
        recordings = {name: data[name] for name in data if name.startswith("Recording_")}
        name = self._pick(recordings, choice, "recording")
        if name is None:
            raise DeviceError(f"{self._path}: no recording {choice!r}; has {_named(recordings)}")
        self._note_others("recording", name, recordings)
        return recordings[name]

    def _choose_stream(self, recording: h5py.Group, choice: str) -> tuple[str, h5py.Group]:
        streams = dict(self._part(recording, "AnalogStream"))
        electrodes = {name: s for name, s in streams.items() if _kind(s) == "Electrode"}
        raw = {n: s for n, s in electrodes.items() if "raw" in _label(s).lower()}
        name = self._pick(streams if choice else raw or electrodes, choice, "stream")
        if name is None:
            missing = f"no analog stream {choice!r}" if choice else "no electrode stream"
            raise DeviceError(f"{self._path}: {missing}; has {_named(streams)}; choose by `stream`")
        self._note_others("stream", name, streams)
        return name, streams[name]

    def _pick(self, groups: dict[str, Any], choice: str, of: str) -> str | None:
        """Return the name of the group with that name or label; of the first without a choice."""
        names = sorted(groups, key=lambda name: (len(name), name))  # Stream_2 before Stream_10
        if not choice:
            return names[0] if names else None
        if choice in names:
            return choice
        alike = [name for name in names if _label(groups[name]) == choice]
        if len(alike) > 1:
            raise DeviceError(
                f"{self._path}: {of} {choice!r}: the label of {', '.join(alike)}; give a name"
            )
        return alike[0] if alike else None

    def _note_others(self, of: str, name: str, groups: dict[str, Any]) -> None:
        others = {n: group for n, group in groups.items() if n != name}
        if others:
            taken = _named({name: groups[name]})
            self.notes.append(f"{of} {taken} is read; the file also has {_named(others)}")

    def _part(self, group: h5py.Group, name: str) -> Any:
        """Return a member of a group. Raises DeviceError if the file has another layout."""
        if name not in group:
            raise DeviceError(
                f"{self._path}: HDF5, but not of MCS: no {name!r} in {group.name}; "
                f"has {', '.join(group) or 'nothing'}"
            )
        return group[name]

    def _describe(
        self, recording: h5py.Group, name: str, stream: h5py.Group, segment_samples: int
    ) -> StreamInfo:
        place = f"{self._path}: {stream.name}"
        channels = self._part(stream, "InfoChannel")[()]
        self._data = self._part(stream, "ChannelData")
        if channels.ndim != 1 or not len(channels) or (channels["RowIndex"] < 0).any():
            raise DeviceError(f"{place} describes no channels")
        if self._data.ndim != 2 or self._data.shape[0] != len(channels):
            raise DeviceError(
                f"{place}: ChannelData has the shape {self._data.shape}, must be (channels, "
                f"samples); InfoChannel describes {len(channels)} channels"
            )
        if channels["RowIndex"].max() >= self._data.shape[0]:
            raise DeviceError(
                f"{place} describes row {channels['RowIndex'].max()}, has {self._data.shape[0]}"
            )
        if not np.issubdtype(self._data.dtype, np.integer):
            raise DeviceError(f"{place}: samples are {self._data.dtype}, must be integers")
        self._rows = channels["RowIndex"].astype(np.int64)
        self._zero = channels["ADZero"].astype(np.int64)[:, None]
        self._dtype = _counts_dtype(self._data.dtype, self._zero)
        self._block = np.empty((len(channels), 0), dtype=self._dtype)
        self._block_start = 0
        tick_us = int(channels["Tick"][0])
        true_hz = stream.attrs.get(TRUE_RATE, 1e6 / tick_us if tick_us > 0 else 0)
        rate_hz = float(single(true_hz))
        if rate_hz <= 0:
            raise DeviceError(f"{place}: Tick {tick_us} us, must be positive")
        first_us = self._find_spans(stream, rate_hz)
        self.stimuli = stimulus_windows(recording, first_us, rate_hz)
        crepe, label = self._file.get("CREPE"), _label(stream) or name
        labels = channel_table.labels_of(channels)
        data = self._file["Data"]
        if crepe:
            positions, geometry = _own_geometry(self._file, stream)
        else:
            mea = text_of(data.attrs.get("MeaName", ""))
            positions, geometry = channel_table.geometry_of(labels, mea)
        return StreamInfo(
            sampling_rate_hz=rate_hz,
            labels=labels,
            ids=channel_table.ids_of(channels),
            positions_um=positions,
            geometry=geometry,
            dtype=self._dtype.name,
            scale_uv=channel_table.scales_uv(channels, _kind(stream), place),
            segment_samples=segment_samples,
            longest_samples=segment_samples,
            origin_t_ns=_origin_t_ns(data, first_us),
            is_simulated=bool(crepe.attrs.get("is_simulated", False)) if crepe else False,
            source=f"{self._path.name}, {recording.name.rpartition('/')[2]}, {label}",
        )

    def _find_spans(self, stream: h5py.Group, rate_hz: float) -> int:
        """Find where the segments lie in time; return the time of the first sample in us."""
        n_samples = self._data.shape[1]
        table = stream.get("ChannelDataTimeStamps")
        rows = np.array([[0, 0, n_samples - 1]]) if table is None or not table.size else table[()]
        if rows.shape == (3,):  # one row, squeezed by a converter
            rows = rows[np.newaxis]
        if rows.ndim != 2 or rows.shape[1] != 3:
            raise DeviceError(
                f"{self._path}: {stream.name}: ChannelDataTimeStamps has the shape {rows.shape}, "
                "must be (segments, 3)"
            )
        if rows[:, 2].max() >= n_samples or rows[:, 1].min() < 0:
            raise DeviceError(
                f"{self._path}: {stream.name}: ChannelDataTimeStamps names samples "
                f"{rows[:, 1].min()} to {rows[:, 2].max()}, ChannelData has {n_samples}"
            )
        first_us = int(rows[0, 0])
        self.spans: list[Span] = []
        end = 0
        for t_us, first, last in rows.tolist():
            n = last + 1 - first  # `last` is inclusive
            if n > 0:  # rounded to microseconds, time stamps must not make segments overlap
                start = max(end, round((t_us - first_us) * rate_hz / 1e6))
                end = start + n
                self.spans.append(Span(start, end, first))
        return first_us

    # Samples

    def samples(self, span: Span, start: int, stop: int) -> NDArray[np.signedinteger]:
        """Return samples [start, stop) of a span in counts: (n_channels, stop - start).

        Whole blocks are read and cached, for readers that go on in small steps. Raises DeviceError
        for a damaged file, and for a sample that does not fit into 32 bits.
        """
        first, n_samples = span.first + start - span.start, stop - start
        within = first - self._block_start
        if within < 0 or within + n_samples > self._block.shape[1]:
            n_blocks = -(-(first + n_samples) // _BLOCK_SAMPLES)
            self._block = self._columns(first, n_blocks * _BLOCK_SAMPLES)
            self._block_start, within = first, 0
        return np.ascontiguousarray(self._block[:, within : within + n_samples])

    def _columns(self, first: int, until: int) -> NDArray[np.signedinteger]:
        with self._reading():
            stored = self._data[:, first:until]
        if not np.array_equal(self._rows, np.arange(stored.shape[0])):
            stored = stored[self._rows]
        if self._zero.any():
            stored = stored - self._zero
        if np.can_cast(stored.dtype, self._dtype):
            counts: NDArray[np.signedinteger] = stored.astype(self._dtype, copy=False)
            return counts
        counts = stored.astype(self._dtype)
        if not np.array_equal(counts, stored):
            row, column = np.argwhere(counts != stored)[0].tolist()
            raise DeviceError(
                f"{self._path}: {self._data.name}: channel {row}, sample {first + column} is "
                f"{stored[row, column]}, must fit into 32 bits"
            )
        return counts

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError) as error:
            self.close()
            raise DeviceError(f"{self._path}: cannot be read: {one_line(error)}") from error


def _counts_dtype(stored: np.dtype[Any], zero: NDArray[np.int64]) -> np.dtype[Any]:
    """Return int16 for counts that always fit into it, else int32."""
    limits = np.iinfo(stored)
    lowest, highest = int(limits.min) - int(zero.max()), int(limits.max) - int(zero.min())
    fits = np.iinfo(np.int16).min <= lowest and highest <= np.iinfo(np.int16).max
    return np.dtype(np.int16 if fits else np.int32)


def _named(groups: dict[str, Any]) -> str:
    labels = {name: _label(group) for name, group in groups.items()}
    return ", ".join(f"{n} ({label})" if label else n for n, label in labels.items()) or "none"


def _label(group: h5py.Group) -> str:
    return text_of(group.attrs.get("Label", ""))


def _kind(stream: h5py.Group) -> str:
    return text_of(stream.attrs.get("DataSubType", ""))


def _own_geometry(file: h5py.File, stream: h5py.Group) -> tuple[tuple[Position | None, ...], str]:
    """Return positions and array that CREPE's recorder stored; none by older ones."""
    for group in file.get("CREPE/streams", {}).values():
        if text_of(group.attrs.get("mcs", "")) == stream.name:
            info = json.loads(group["info"][()])
            stored = info.get("positions_um", [])
            positions = tuple(None if place is None else (place[0], place[1]) for place in stored)
            return positions, str(info.get("geometry", ""))
    return (), ""


def _origin_t_ns(data: h5py.Group, first_us: int) -> int:
    ticks = int(single(data.attrs.get("DateInTicks", 0)))
    return (ticks - EPOCH_TICKS) * 100 + first_us * 1000 if ticks > EPOCH_TICKS else 0
