"""One stream of a recording that Neo can read, by sample index.

Only Neo's raw readers are used: they read a file in parts, in the counts that it holds.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.hw.neo.reader import Description, open_reader
from crepe.hw.neo.sample_numbers import Run, runs_of
from crepe.messages import StreamInfo

MICROVOLTS = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "μV": 1.0, "nV": 1e-3}
"""Microvolts in each unit of voltage; the two micro signs of Unicode are different letters."""

_BLOCK_SAMPLES = 8192  # read from the file at once
_UNKNOWN_GAP_S = 1.0  # between segments whose distance the file does not tell


class Span(NamedTuple):
    """Samples [start, stop) are samples from `first` on of one segment of the file."""

    start: int
    stop: int
    segment: int
    first: int
    is_estimated: bool  # the file does not tell how long the gap before it was


class NeoSignal:
    """A stream that is open for reading; sample 0 is the first sample of its block.

    Parameters
    ----------
    path
        File or folder of the recording.
    reader
        Name of Neo's reader without `RawIO`, such as `OpenEphysBinary`; "": the one that fits.
    block
        Number of the block; Open Ephys calls it an experiment.
    stream
        Name or ID of the stream; "": the first whose channels are voltages.
    description
        Of a raw binary file, else None.
    scale_uv
        Microvolts per unit of channels without a unit; None: such channels are refused.
    segment_samples
        Length of a segment in `info`.

    Raises
    ------
    ConfigError
        Neo is missing, has no such reader, or several readers fit.
    DeviceError
        The recording is missing or damaged, or has no such block or stream.
    """

    def __init__(
        self,
        path: Path,
        *,
        reader: str,
        block: int,
        stream: str,
        description: Description | None,
        scale_uv: float | None,
        segment_samples: int,
    ) -> None:
        self._path, self._block = path, block
        self._io = open_reader(path, reader, description)
        n_blocks = int(self._io.block_count())
        if block >= n_blocks:
            raise DeviceError(f"{path}: no block {block}; has {n_blocks}, counted from 0")
        self._stream = self._choose(stream)
        self.info = self._describe(scale_uv, segment_samples)
        self.spans = self._find_spans()
        self._cache = np.empty((self.info.n_channels, 0), self.info.dtype)
        self._cached = (-1, 0)  # segment and sample of the first column

    def samples(self, span: Span, start: int, stop: int) -> NDArray[Any]:
        """Return samples [start, stop) of a span: (n_channels, stop - start).

        Whole blocks are read and cached, for readers that go on in small steps. Raises DeviceError
        for a damaged file, and for a sample that does not fit into 32 bits.
        """
        first, n_samples = span.first + start - span.start, stop - start
        segment, cached = self._cached
        within = first - cached
        if segment != span.segment or within < 0 or within + n_samples > self._cache.shape[1]:
            until = min(first + max(n_samples, _BLOCK_SAMPLES), span.first + span.stop - span.start)
            self._cache = self._read(span.segment, first, until)
            self._cached, within = (span.segment, first), 0
        return np.ascontiguousarray(self._cache[:, within : within + n_samples])

    def close(self) -> None:
        """Let go of the file; harmless to repeat."""
        # Neo's readers have no common way to close; files close with their last reference.
        self._io = None
        self._cache = self._cache[:, :0]

    def _choose(self, choice: str) -> int:
        """Return the index of the stream. Raises DeviceError."""
        streams = self._io.header["signal_streams"]
        named = [f"{name} ({identity})" for name, identity in zip(*_names(streams), strict=True)]
        for index, (name, identity) in enumerate(zip(*_names(streams), strict=True)):
            is_voltage = set(self._channels(index)["units"]) <= {*MICROVOLTS, ""}
            if choice in (name, identity) if choice else is_voltage:
                return index
        missing = f"no stream {choice!r}" if choice else "no stream of voltages"
        raise DeviceError(
            f"{self._path}: {missing}; has {', '.join(named) or 'none'}; choose by `stream`"
        )

    def _channels(self, stream: int) -> NDArray[Any]:
        header = self._io.header
        channels: NDArray[Any] = header["signal_channels"]
        chosen: NDArray[Any] = channels[
            channels["stream_id"] == header["signal_streams"][stream]["id"]
        ]
        return chosen

    def _describe(self, unknown_uv: float | None, segment_samples: int) -> StreamInfo:
        channels = self._channels(self._stream)
        names, ids = _names(channels)
        rates_hz, kinds = set(channels["sampling_rate"].tolist()), set(channels["dtype"].tolist())
        stream = self._io.header["signal_streams"][self._stream]
        stream_name = str(stream["name"] or stream["id"])
        place = f"{self._path}: stream {stream_name}"
        if len(rates_hz) != 1 or len(kinds) != 1:
            raise DeviceError(
                f"{place}: channels of {len(rates_hz)} sampling rates and {len(kinds)} data types, "
                "must have one of each"
            )
        units_uv = [_microvolts(unit, unknown_uv, place) for unit in channels["units"]]
        scale_uv = np.array(units_uv) * channels["gain"].astype(np.float64)
        if not scale_uv.all():
            raise DeviceError(f"{place}: channel {names[int(np.argmin(abs(scale_uv)))]}: gain 0")
        self._zero, dtype = _zero_and_dtype(channels, np.dtype(kinds.pop()), place)
        scales = tuple(scale_uv.tolist())
        return StreamInfo(
            sampling_rate_hz=float(rates_hz.pop()),
            labels=names if len(set(names)) == len(names) else ids,
            ids=ids,
            dtype=dtype.name,
            scale_uv=scales[:1] if len(set(scales)) == 1 else scales,
            segment_samples=segment_samples,
            longest_samples=segment_samples,
            source=f"{self._path.name}, {type(self._io).__name__.removesuffix('RawIO')}, "
            f"{stream_name}",
        )

    def _find_spans(self) -> list[Span]:
        """Return where the samples of each segment lie in time."""
        rate_hz, spans, first_s = self.info.sampling_rate_hz, list[Span](), None
        for segment in range(self._io.segment_count(self._block)):
            n_samples = int(self._io.get_signal_size(self._block, segment, self._stream))
            if n_samples == 0:
                continue
            start_s = float(self._io.get_signal_t_start(self._block, segment, self._stream))
            first_s = start_s if first_s is None else first_s
            start, end = round((start_s - first_s) * rate_hz), spans[-1].stop if spans else 0
            is_estimated = start < end
            if is_estimated:  # such as trials, each of which begins at 0 s
                start = end + round(_UNKNOWN_GAP_S * rate_hz)
            for run in self._runs(segment, n_samples):
                shift = start + run.offset
                spans.append(Span(shift, shift + run.n_samples, segment, run.first, is_estimated))
                is_estimated = False
        return spans

    def _runs(self, segment: int, n_samples: int) -> list[Run]:
        """Return the parts of a segment without a gap; Neo itself looks for none."""
        if type(self._io).__name__ != "OpenEphysBinaryRawIO":
            return [Run(0, 0, n_samples)]
        stream = self._io.header["signal_streams"][self._stream]
        buffer = self._io.get_analogsignal_buffer_description(
            self._block, segment, stream["buffer_id"]
        )
        return runs_of(Path(buffer["file_path"]).with_name("sample_numbers.npy"), n_samples)

    def _read(self, segment: int, first: int, until: int) -> NDArray[Any]:
        """Return columns [first, until) of a segment, in counts."""
        dtype = np.dtype(self.info.dtype)
        try:
            stored = self._io.get_analogsignal_chunk(
                self._block, segment, first, until, self._stream
            ).T
        except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
            text = " ".join(str(error).split())
            raise DeviceError(f"{self._path}: cannot be read: {text}") from error
        if dtype.kind == "f":
            floats: NDArray[Any] = (stored + self._zero).astype(dtype)
            return floats
        counts = stored.astype(np.int64) + self._zero if self._zero.any() else stored
        fitting: NDArray[Any] = counts.astype(dtype)
        if not np.can_cast(counts.dtype, dtype) and not np.array_equal(fitting, counts):
            raise DeviceError(
                f"{self._path}: segment {segment}, samples {first} to {until}: up to "
                f"{abs(counts).max()}, must fit into {8 * dtype.itemsize} bits"
            )
        return fitting


def _names(table: NDArray[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names and the IDs in a table of channels or streams."""
    return tuple(map(str, table["name"])), tuple(map(str, table["id"]))


def _microvolts(unit: str, unknown_uv: float | None, place: str) -> float:
    if unit == "":
        if unknown_uv is None:
            raise DeviceError(f"{place}: states no unit; state `scale_uv`")
        return unknown_uv
    if unit not in MICROVOLTS:
        raise DeviceError(f"{place}: in {unit!r}, must be a voltage: {', '.join(MICROVOLTS)}")
    return MICROVOLTS[unit]


def _zero_and_dtype(
    channels: NDArray[Any], stored: np.dtype[Any], place: str
) -> tuple[NDArray[Any], np.dtype[Any]]:
    """Return what is added to stored samples, (n_channels, 1), and the type of the result.

    Neo's value is `stored * gain + offset`. Counts stay counts: int16 where they fit, else int32;
    floats are single precision.
    """
    zero = (channels["offset"] / channels["gain"])[:, np.newaxis]
    if stored.kind == "f":
        return zero.astype(np.float32), np.dtype(np.float32)
    whole = np.rint(zero).astype(np.int64)
    if np.abs(zero - whole).max() > 1e-3:
        raise DeviceError(f"{place}: offsets are no whole number of counts")
    limits = np.iinfo(stored)
    lowest, highest = int(limits.min) + int(whole.min()), int(limits.max) + int(whole.max())
    is_short = np.iinfo(np.int16).min <= lowest and highest <= np.iinfo(np.int16).max
    return whole, np.dtype(np.int16 if is_short else np.int32)
