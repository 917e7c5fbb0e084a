"""`hdf5://`: replay of recordings in the HDF5 layout of Multi Channel Systems.

Follows the MCS RawData protocol, versions 1 to 3 (McsPyDataTools documents it). Files written by
`record` have the same layout.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from crepe.errors import DeviceError
from crepe.hw.instrument import DeviceSettings, EndOfData, Recorder
from crepe.hw.mcs.hdf5_file import one_line, open_hdf5
from crepe.hw.pace import Pace
from crepe.messages import Segment, StreamInfo

TRUE_RATE = "CrepeSamplingRateHz"
"""Attribute of an analog stream: the exact rate; `Tick` has whole microseconds only."""

EPOCH_TICKS = 621_355_968_000_000_000  # 1 January 1970 in .NET ticks of 100 ns since year 1
_BLOCK_SAMPLES = 8192  # read from the file at once; a multiple of the usual chunk


class McsSettings(DeviceSettings):
    """The settings of `hdf5://PATH?speed=0`."""

    location: str = Field(min_length=1)
    speed: NonNegativeFloat = 1.0
    """1 is real time, 0 as fast as it goes; gaps between segments pass at once."""
    stream: str = ""
    """Label or name (`Stream_1`) of the analog stream; by default the first with raw electrode
    data."""
    recording: str = ""
    """Label or name of the recording; by default the first."""
    segment_samples: PositiveInt = 100
    sampling_rate_hz: PositiveFloat | None = None
    """Requested by experiments and ignored: a recording keeps its own rate."""


class _Span(NamedTuple):
    """Consecutive samples: columns [first, first + n) of the file are samples [start, stop)."""

    start: int
    stop: int
    first: int


class McsRecording(Recorder):
    """One analog stream of a recording; sample 0 is its first sample."""

    Settings = McsSettings

    def __init__(self, settings: McsSettings) -> None:
        self._settings = settings
        self._path = Path(settings.location).expanduser()
        self._file: h5py.File | None = None
        self._position = 0

    def open(self, position: int) -> StreamInfo:
        self.close()
        with self._reading():
            self._file = open_hdf5(self._path)
            recording = self._choose_recording(self._file)
            name, stream = self._choose_stream(recording)
            info = self._describe(self._file, recording, name, stream)
        self._position = position
        self._pace = Pace(info.sampling_rate_hz, self._settings.speed)
        return info

    @property
    def n_samples(self) -> int:
        """Length of the recording in samples, with its gaps; 0 before `open`."""
        return self._stops[-1] if self._file is not None and self._stops else 0

    def read(self, timeout_s: float) -> Segment | None:
        at = bisect_right(self._stops, self._position)
        if at == len(self._spans):
            raise EndOfData
        span = self._spans[at]
        start = max(self._position, span.start)
        stop = min(start + self._settings.segment_samples, span.stop)
        if not self._pace.wait(stop - start, timeout_s):
            return None
        samples = self._samples(span.first + start - span.start, stop - start)
        self._position = stop
        return Segment(start, stop, samples, self._pace.t_ns)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # Choice of the data

    def _choose_recording(self, file: h5py.File) -> h5py.Group:
        data = self._part(file, "Data")
        recordings = {name: data[name] for name in data if name.startswith("Recording_")}
        name = _pick(recordings, self._settings.recording)
        if name is None:
            raise DeviceError(
                f"{self._path}: no recording {self._settings.recording!r}; has {_named(recordings)}"
            )
        return recordings[name]

    def _choose_stream(self, recording: h5py.Group) -> tuple[str, h5py.Group]:
        streams = dict(self._part(recording, "AnalogStream"))
        choice = self._settings.stream
        electrodes = {
            name: stream
            for name, stream in streams.items()
            if _text(stream.attrs.get("DataSubType", "")) == "Electrode"
        }
        raw = {n: s for n, s in electrodes.items() if "raw" in _label(s).lower()}
        name = _pick(streams if choice else raw or electrodes, choice)
        if name is None:
            missing = f"no analog stream {choice!r}" if choice else "no electrode stream"
            raise DeviceError(f"{self._path}: {missing}; has {_named(streams)}")
        return name, streams[name]

    def _part(self, group: h5py.Group, name: str) -> Any:
        """Return a member of a group. Raises DeviceError if the file has another layout."""
        if name not in group:
            raise DeviceError(
                f"{self._path}: HDF5, but not of MCS: no {name!r} in {group.name}; "
                f"has {', '.join(group) or 'nothing'}"
            )
        return group[name]

    def _describe(
        self, file: h5py.File, recording: h5py.Group, name: str, stream: h5py.Group
    ) -> StreamInfo:
        channels = self._part(stream, "InfoChannel")[()]
        self._data = self._part(stream, "ChannelData")
        if not len(channels) or (channels["RowIndex"] < 0).any():
            raise DeviceError(f"{self._path}: {stream.name} describes no channels")
        if channels["RowIndex"].max() >= self._data.shape[0]:
            raise DeviceError(
                f"{self._path}: {stream.name} describes row {channels['RowIndex'].max()}, "
                f"has {self._data.shape[0]}"
            )
        if not np.issubdtype(self._data.dtype, np.integer):
            raise DeviceError(
                f"{self._path}: {stream.name}: samples are {self._data.dtype}, must be integers"
            )
        self._rows = channels["RowIndex"].astype(np.int64)
        self._zero = channels["ADZero"].astype(np.int64)[:, None]
        self._block = np.empty((len(channels), 0), dtype=np.int32)
        self._block_start = 0
        tick_us = int(channels["Tick"][0])
        rate_hz = float(stream.attrs.get(TRUE_RATE, 1e6 / tick_us if tick_us > 0 else 0))
        if rate_hz <= 0:
            raise DeviceError(f"{self._path}: {stream.name}: Tick {tick_us} us, must be positive")
        first_us = self._find_spans(stream, rate_hz)
        crepe = file.get("CREPE")
        label = _label(stream) or name
        return StreamInfo(
            sampling_rate_hz=rate_hz,
            labels=tuple(map(_text, channels["Label"])),
            scale_uv=tuple(_scale_uv(channel) for channel in channels),
            segment_samples=self._settings.segment_samples,
            longest_samples=self._settings.segment_samples,
            origin_t_ns=_origin_t_ns(file["Data"], first_us),
            is_simulated=bool(crepe.attrs.get("is_simulated", False)) if crepe else False,
            source=f"{self._path.name}, {recording.name.rpartition('/')[2]}, {label}",
        )

    def _find_spans(self, stream: h5py.Group, rate_hz: float) -> int:
        """Find where the segments lie in time; return the time of the first sample in us."""
        n_samples = self._data.shape[1]
        table = stream.get("ChannelDataTimeStamps")
        rows = np.array([[0, 0, n_samples - 1]]) if table is None or not len(table) else table[()]
        first_us = int(rows[0, 0])
        self._spans: list[_Span] = []
        end = 0
        for t_us, first, last in rows.tolist():
            n = min(last + 1, n_samples) - first  # `last` is inclusive
            if n > 0:
                # Time stamps are rounded to microseconds, which must not make segments overlap.
                start = max(end, round((t_us - first_us) * rate_hz / 1e6))
                end = start + n
                self._spans.append(_Span(start, end, first))
        self._stops = [span.stop for span in self._spans]
        return first_us

    # Samples

    def _samples(self, first: int, n_samples: int) -> NDArray[np.int32]:
        """Return columns [first, first + n_samples) of all channels; whole blocks are cached."""
        within = first - self._block_start
        if within < 0 or within + n_samples > self._block.shape[1]:
            n_blocks = -(-(first + n_samples) // _BLOCK_SAMPLES)
            self._block = self._columns(first, n_blocks * _BLOCK_SAMPLES)
            self._block_start, within = first, 0
        return np.ascontiguousarray(self._block[:, within : within + n_samples])

    def _columns(self, first: int, until: int) -> NDArray[np.int32]:
        with self._reading():
            stored = self._data[:, first:until]
        if not np.array_equal(self._rows, np.arange(stored.shape[0])):
            stored = stored[self._rows]
        if self._zero.any():
            stored = stored - self._zero
        if np.can_cast(stored.dtype, np.int32):
            counts: NDArray[np.int32] = stored.astype(np.int32, copy=False)
            return counts
        counts = stored.astype(np.int32)
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
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            self.close()
            raise DeviceError(f"{self._path}: cannot be read: {one_line(error)}") from error


def _pick(groups: dict[str, Any], choice: str) -> str | None:
    """Return the name of the group with that name or label; of the first without a choice."""
    names = sorted(groups, key=lambda name: (len(name), name))  # Stream_2 before Stream_10
    if not choice:
        return names[0] if names else None
    return next((n for n in names if choice in (n, _label(groups[n]))), None)


def _named(groups: dict[str, Any]) -> str:
    labels = {name: _label(group) for name, group in groups.items()}
    return ", ".join(f"{n} ({label})" if label else n for n, label in labels.items()) or "none"


def _label(group: h5py.Group) -> str:
    return _text(group.attrs.get("Label", ""))


def _text(value: Any) -> str:
    """Return a string as MCS software writes it: padded, of any length and encoding."""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            value = value.decode("latin-1")
    return str(value).strip().rstrip("\0").strip()


def _scale_uv(channel: Any) -> float:
    """Return microvolts per count; 1 for channels without a unit (digital ones)."""
    # `record` stores the scale exactly as factor and exponent; powers of ten in floats would round.
    factor = Decimal(int(channel["ConversionFactor"]))
    return float(factor.scaleb(int(channel["Exponent"]) + 6)) or 1.0


def _origin_t_ns(data: h5py.Group, first_us: int) -> int:
    ticks = int(data.attrs.get("DateInTicks", 0))
    return (ticks - EPOCH_TICKS) * 100 + first_us * 1000 if ticks > EPOCH_TICKS else 0
