"""Recovery of a damaged recording: all that can be trusted of it, in a new file.

The original is copied first and never opened for writing. See docs/how-to/recover-a-recording.md
for what cannot be noticed or recovered.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from crepe.errors import DeviceError
from crepe.hw.mcs.analog_stream import EPOCH_TICKS
from crepe.hw.mcs.committed_file import journal_of
from crepe.hw.mcs.hdf5_file import one_line
from crepe.messages import Message, Segment, StreamInfo
from crepe.recording.damaged_file import UNREADABLE, open_copy
from crepe.recording.damaged_stream import DamagedStream, Piece
from crepe.recording.layout import FORMAT, ROOT, STREAMS, differences
from crepe.recording.mcs_layout import About
from crepe.recording.parts import main_file, parts_set_aside
from crepe.recording.windows import Windows, union, without
from crepe.recording.writer import RecordingWriter

_COMMIT_BYTES = 1 << 24  # of samples that wait in memory for a commit
_COMMIT_MESSAGES = 4096

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class StreamRecovery:
    """The recovery of one stream."""

    sampling_rate_hz: float
    n_messages: int  # written; a segment with a hole counts once for each of its pieces
    n_damaged: int  # messages in the sources that are lost at least in part
    missing: tuple[tuple[int, int], ...]  # sample indices, half open: recorded, and now lost
    is_end_unknown: bool  # the end of its table is lost: more may be missing than `missing`

    @property
    def missing_s(self) -> float:
        """Seconds in `missing`."""
        return sum(stop - start for start, stop in self.missing) / self.sampling_rate_hz


@dataclass(frozen=True)
class Recovery:
    """The outcome of a recovery."""

    path: Path
    sources: tuple[str, ...]  # names of the files, the oldest first
    problems: tuple[str, ...]  # what is missing as a whole: files, streams, attributes
    notes: tuple[str, ...]  # what may be damage, and cannot be told from data
    streams: dict[str, StreamRecovery]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.problems and not any(
            stream.missing or stream.is_end_unknown for stream in self.streams.values()
        )

    def document(self) -> dict[str, Any]:
        """Return the outcome as JSON has it."""
        streams = {
            name: {**asdict(stream), "missing_s": stream.missing_s}
            for name, stream in self.streams.items()
        }
        return {
            "path": str(self.path),
            "is_complete": self.is_complete,
            "sources": self.sources,
            "problems": self.problems,
            "notes": self.notes,
            "streams": streams,
        }


def default_path(path: Path) -> Path:
    """Return where the recovered recording of a session goes by default."""
    return main_file(path).with_suffix(f".recovered{path.suffix}")


def recover(path: Path, out: Path) -> Recovery:
    """Write what can be trusted of a recording, with all its parts, to a new file.

    Raises DeviceError if `out` exists, a program writes the recording, or no stream can be read.
    """
    newest = main_file(path)
    sources = [*parts_set_aside(newest), *([newest] if newest.exists() else [])]
    if not sources:
        raise DeviceError(f"{path}: does not exist")
    _refuse_existing(out)
    try:
        with tempfile.TemporaryDirectory(prefix=".recover-", dir=out.parent) as work:
            recovery = _Recoverer(sources, out, Path(work)).run()
            _refuse_existing(out)
            (Path(work) / "out.h5").rename(out)
    except OSError as error:
        raise DeviceError(f"{out}: cannot be written: {one_line(error)}") from error
    return recovery


def _refuse_existing(out: Path) -> None:
    for path in (out, journal_of(out)):
        if path.exists():
            raise DeviceError(f"{path}: exists; give a new file with --out")


@dataclass
class _Source:
    """A file of the session, and the streams in it that can be read at all."""

    name: str
    file: h5py.File
    streams: dict[str, DamagedStream]


class _Recoverer:
    def __init__(self, paths: list[Path], out: Path, work: Path) -> None:
        self._out, self._work = out, work
        self._problems: list[str] = []
        self._names = tuple(path.name for path in paths)
        self._sources = [s for s in map(self._open, paths) if s is not None]
        if not any(source.streams for source in self._sources):
            raise DeviceError("; ".join(self._problems) or f"{paths[-1]}: has no stream")

    def _open(self, path: Path) -> _Source | None:
        try:
            file = open_copy(path, self._work)
            names = list(file[STREAMS])
        except (DeviceError, *UNREADABLE) as error:
            if "open in a program" in str(error):
                raise
            self._problems.append(one_line(error))
            return None
        streams = {}
        for name in names:
            try:
                streams[name] = DamagedStream(file[STREAMS][name])
            except (DeviceError, *UNREADABLE) as error:
                self._problems.append(f"{path.name}, stream {name}: {one_line(error)}")
        last = max((stream.last for stream in streams.values()), default=0)
        for stream in streams.values():
            if stream.lost_from is not None and stream.lost_from < last:
                stream.lost = union([*stream.lost, (stream.lost_from, last)])
        return _Source(path.name, file, streams)

    def run(self) -> Recovery:
        infos: dict[str, StreamInfo] = {}
        for source in self._sources:
            infos |= {name: stream.info for name, stream in source.streams.items()}
        path = self._work / "out.h5"
        recovered = {}
        with closing(RecordingWriter(path, self._about(), infos)) as writer:
            for name, info in infos.items():
                recovered[name] = self._recover(name, info, writer)
        notes = tuple(
            f"{source.name}, {name}: {', '.join(stream.uncertain)}: chunks of zeros without a "
            "checksum, taken as recorded"
            for source in self._sources
            for name, stream in source.streams.items()
            if stream.uncertain
        )
        recovery = Recovery(self._out, self._names, tuple(self._problems), notes, recovered)
        self._describe(path, recovery)
        return recovery

    def _recover(self, name: str, info: StreamInfo, writer: RecordingWriter) -> StreamRecovery:
        """Write a stream; older parts fill what the newer ones do not have."""
        chosen: list[tuple[Piece, DamagedStream]] = []
        missing: Windows = []
        begin: int | None = None  # of the parts so far: what stops before it is older
        n_damaged = 0
        for source in reversed(self._sources):
            stream = source.streams.get(name)
            if stream is None:
                continue
            if fields := differences(stream.info, info):
                text = f"{name} was recorded with other {', '.join(fields)}"
                self._problems.append(f"{source.name}: {text}")
                continue
            n_damaged += stream.n_lost
            holes = missing if begin is None else union([*missing, (0, begin)])
            pieces = stream.pieces if begin is None else _within(stream, holes)
            lost = stream.lost if begin is None else _common(stream.lost, [(0, begin)])
            chosen = [*((piece, stream) for piece in pieces), *chosen]
            filled = union((piece.start, piece.stop) for piece in pieces)
            missing = union([*without(missing, filled), *lost])
            starts = [piece.start for piece in stream.pieces] + [low for low, _ in stream.lost]
            begin = min([*starts, *([] if begin is None else [begin])], default=begin)
        if len(self._sources) > 1:
            chosen.sort(key=lambda item: item[0].start)
        n, n_bytes, n_unwritten = 0, 0, 0
        for piece, stream in chosen:
            message = stream.read(piece)
            if message is None:  # the copy was read a moment ago: its disk fails
                raise DeviceError(f"{self._out}: {name} at {piece.start}: the copy has changed")
            writer.append(name, message)
            n, n_unwritten, n_bytes = n + 1, n_unwritten + 1, n_bytes + _n_bytes(message)
            if n_unwritten == _COMMIT_MESSAGES or n_bytes > _COMMIT_BYTES:
                writer.commit()
                n_unwritten = n_bytes = 0
        newest = next(s for source in reversed(self._sources) if (s := source.streams.get(name)))
        is_open = newest.lost_from is not None
        return StreamRecovery(info.sampling_rate_hz, n, n_damaged, tuple(missing), is_open)

    def _about(self) -> About:
        root = self._attribute
        culture = self._text("culture", "{}")
        try:
            tables = dict(json.loads(culture))
        except UNREADABLE:
            tables = {}
            self._problems.append("the table [culture]: damaged")
        ticks = self._first(
            "the wall clock of the start",
            lambda f: int(f["Data"].attrs["DateInTicks"]),
            EPOCH_TICKS,
        )
        return About(
            session=root("session", str, main_file(self._out).stem),
            seed=root("seed", int, 0),
            experiment=self._text("experiment", ""),
            culture=tables,
            is_simulated=root("is_simulated", bool, any(i.is_simulated for i in self._all_infos())),
            origin_t_ns=max(1, (ticks - EPOCH_TICKS) * 100),
        )

    def _all_infos(self) -> Iterator[StreamInfo]:
        return (stream.info for source in self._sources for stream in source.streams.values())

    def _attribute(self, name: str, kind: Callable[[Any], _Value], default: _Value) -> _Value:
        return self._first(f"the attribute {name}", lambda f: kind(f[ROOT].attrs[name]), default)

    def _text(self, name: str, default: str) -> str:
        return self._first(f"the text {name}", lambda f: f[ROOT][name][()].decode(), default)

    def _first(self, what: str, read: Callable[[h5py.File], _Value], default: _Value) -> _Value:
        """Return the value of the newest file in which it can be read."""
        for source in reversed(self._sources):
            try:
                return read(source.file)
            except UNREADABLE:
                continue
        self._problems.append(f"{what}: cannot be read")
        return default

    def _describe(self, path: Path, recovery: Recovery) -> None:
        """Note in the file where it comes from, and what it lacks."""
        newest = self._sources[-1].file
        with h5py.File(path, "r+") as file:
            root = file[ROOT].attrs
            root["recovered"] = json.dumps({**recovery.document(), "format": FORMAT}, default=str)
            for name, kind in (("versions", str), ("ended", np.int8), ("closed", np.int8)):
                try:
                    root[name] = kind(newest[ROOT].attrs[name])
                except UNREADABLE:
                    continue  # the writer's own remain
        for source in self._sources:
            source.file.close()


def _within(stream: DamagedStream, holes: Windows) -> list[Piece]:
    """Return the pieces that belong into holes of newer parts; segments are cut to fit."""
    pieces = []
    for piece in stream.pieces:
        if issubclass(stream.kind, Segment):
            for start, stop in _common([(piece.start, piece.stop)], holes):
                begin = piece.begin + start - piece.start
                pieces.append(piece._replace(start=start, stop=stop, begin=begin))
        elif any(low <= piece.start and piece.stop <= high for low, high in holes):
            pieces.append(piece)
    return pieces


def _common(windows: Windows, others: Windows) -> Windows:
    return without(windows, without(windows, others))


def _n_bytes(message: Message) -> int:
    return message.samples.nbytes if isinstance(message, Segment) else 0
