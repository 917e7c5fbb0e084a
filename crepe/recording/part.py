"""Reader of one file of a session's recording, stream by stream and message by message."""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import one_line, open_hdf5
from crepe.messages import Message, StreamInfo, message_type
from crepe.recording.damaged_file import UNREADABLE, check_size
from crepe.recording.layout import (
    FORMAT,
    ROOT,
    STREAMS,
    Layout,
    info_from_json,
    parts,
)

_Result = TypeVar("_Result")


class Part:
    """One file in its state when opened.

    Parameters
    ----------
    is_damaged
        Leave out unreadable streams and messages, instead of raising DeviceError.

    Attributes
    ----------
    problems
        Streams that are left out, and why.
    before, problem_before
        Name of the file that was set aside when this one was begun, and why; or empty. The other
        attributes are those of `Recording`.
    """

    def __init__(self, path: Path, *, is_damaged: bool = False) -> None:
        self.path = path
        self._is_damaged = is_damaged
        self._state = _state(path)
        self._file = open_hdf5(path)
        try:
            self._repeat(self._open, str(path))
        except DeviceError:
            self._file.close()
            raise

    def _repeat(self, read: Callable[[], _Result], place: str) -> _Result:
        """Read; once more, for each commit of the writer that came between two steps of it.

        Raises DeviceError that begins with the place.
        """
        while True:
            try:
                return read()
            except UNREADABLE as error:
                problem = f"{place}: cannot be read: {one_line(error)}"
                if (state := _state(self.path)) == self._state:
                    raise DeviceError(problem) from error
            self._state = state
            self._file.close()
            self._file = open_hdf5(self.path)

    def _open(self) -> None:
        if STREAMS not in self._file:
            has = ", ".join(self._file) or "nothing"
            raise DeviceError(f"{self.path}: no recording of CREPE: no group /CREPE; has {has}")
        root = self._file[ROOT]
        if int(root.attrs["format"]) > FORMAT:
            raise DeviceError(
                f"{self.path}: format {root.attrs['format']}, this CREPE reads up to {FORMAT}"
            )
        self.session = str(root.attrs["session"])
        self.seed = int(root.attrs["seed"])
        self.is_simulated = bool(root.attrs["is_simulated"])
        self.has_ended = bool(root.attrs["ended"])
        self.is_closed = self.has_ended or bool(root.attrs.get("closed", 0))  # older files lack it
        self.versions: dict[str, str] = json.loads(root.attrs.get("versions", "{}"))
        self.experiment: str = root["experiment"][()].decode()
        self.culture: dict[str, str] = json.loads(root["culture"][()])
        self.before = str(root.attrs.get("before", ""))
        self.problem_before = str(root.attrs.get("problem_before", ""))
        self.problems: list[str] = []
        self._streams: dict[str, _Stream] = {}
        for name, group in self._file[STREAMS].items():
            try:
                self._streams[name] = _Stream(group)
                if self._is_damaged:
                    self.windows(name)  # reads the columns: a damaged table raises now
            except (DeviceError, *UNREADABLE) as error:
                if not self._is_damaged:
                    raise
                self._streams.pop(name, None)
                self.problems.append(f"{name}: {one_line(error)}")
        self.infos: dict[str, StreamInfo] = {n: s.info for n, s in self._streams.items()}

    def windows(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the starts and the stops of a stream's messages, in the order of the table."""
        return self._read(name, lambda stream: (stream.starts, stream.stops))

    def messages(self, name: str, start: int, stop: int) -> list[Message]:
        """Return the messages that overlap [start, stop), in the order of recording."""

        def overlapping(stream: _Stream) -> list[Message]:
            read = stream.readable_rows if self._is_damaged else stream.rows
            return stream.overlapping(start, stop, read)

        return self._read(name, overlapping)

    def _read(self, name: str, read: Callable[["_Stream"], _Result]) -> _Result:
        stream = self._streams[name]

        def read_now() -> _Result:
            stream.use(self._file[STREAMS][name])
            return read(stream)

        return self._repeat(read_now, f"{self.path}, {name}")

    def close(self) -> None:
        """Close the file; harmless to repeat."""
        self._file.close()


def _state(path: Path) -> tuple[int, int]:
    """Return what changes whenever a file is written; zeros for a missing one."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


class _Stream:
    """A stream's group; its table is read on demand, since it may be long."""

    def __init__(self, group: h5py.Group) -> None:
        group.visititems(lambda _, item: check_size(item))
        self.use(group)
        self._n_messages = int(group["n_messages"][0])
        self.info = info_from_json(group["info"][()])

    def use(self, group: h5py.Group) -> None:
        """Read on from a group, which is that of the same stream in a file opened again."""
        self._group = group
        self._table = group["messages"]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Start of each message."""
        return self._column("start")

    @cached_property
    def stops(self) -> NDArray[np.int64]:
        """Stop of each message."""
        return self._column("stop")

    # Windows may overlap and need not be in order: the highest stop before a row, and the lowest
    # start after it, bound a search.
    @cached_property
    def _highest(self) -> NDArray[np.int64]:
        return np.maximum.accumulate(self.stops)

    @cached_property
    def _lowest(self) -> NDArray[np.int64]:
        return np.minimum.accumulate(self.starts[::-1])[::-1]

    def _column(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self._table.fields(name)[: self._n_messages]
        return column

    def overlapping(
        self, start: int, stop: int, read: Callable[[int, int], list[Message]]
    ) -> list[Message]:
        """Return the messages that overlap [start, stop), of the rows that `read` gives."""
        low = int(np.searchsorted(self._highest, start, side="right"))
        high = int(np.searchsorted(self._lowest, stop, side="left"))
        if high <= low:
            return []
        return [m for m in read(low, high) if m.stop > start and m.start < stop]

    def rows(self, low: int, high: int) -> list[Message]:
        """Return the messages in rows [low, high) of the table."""
        layout = Layout(message_type(self.info.message, DeviceError))
        for name in layout.matrices:
            n_rows = len(self._group["fields"][name])
            if n_rows != self.info.n_channels:
                raise ValueError(f"{name}: {n_rows} rows for {self.info.n_channels} channels")
        before = self._table[low - 1] if low else None
        rows = self._table[low:high]
        arrays = {
            name: self._parts(self._group["fields"], name, f"{name}.stop", before, rows)
            for name in layout.matrices + layout.arrays
        }
        json = self._parts(self._group, "json", "json_stop", before, rows)
        return [
            layout.message(row, json[at].tobytes(), {name: arrays[name][at] for name in arrays})
            for at, row in enumerate(rows)
        ]

    def readable_rows(self, low: int, high: int) -> list[Message]:
        """Return what `rows` does, without the rows that touch a damaged place."""
        try:
            return self.rows(low, high)
        except UNREADABLE:
            if high - low == 1:
                return []
        middle = (low + high) // 2
        return self.readable_rows(low, middle) + self.readable_rows(middle, high)

    def _parts(
        self, group: h5py.Group, name: str, column: str, before: Any, rows: Any
    ) -> list[NDArray[Any]]:
        """Return each row's part of an array."""
        begin = 0 if before is None else int(before[column])
        return [np.ascontiguousarray(part) for part in parts(group[name], begin, rows[column])]
