"""Reads a session's recording back, stream by stream and message by message."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import one_line, open_hdf5
from crepe.messages import Message, StreamInfo
from crepe.recording.layout import (
    FORMAT,
    ROOT,
    STREAMS,
    Layout,
    info_from_json,
    message_type,
    parts,
)


class Recording:
    """A recording as it was when opened: finished, being written, or left by a killed writer.

    Attributes
    ----------
    session, seed, is_simulated
        Of the run that was recorded.
    has_ended
        Whether the session came to its end, as that of a recording or a simulation does.
    is_closed
        False if its writer was cut off, or still writes.
    versions
        Of what wrote it, by name; empty if it does not say.
    experiment
        Text of the experiment file.
    culture
        Its [culture] table.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._file = open_hdf5(self._path)
        try:
            self._open()
        except (OSError, KeyError, ValueError) as error:
            self._file.close()
            raise DeviceError(f"{path}: cannot be read: {one_line(error)}") from error
        except DeviceError:
            self._file.close()
            raise

    def _open(self) -> None:
        if STREAMS not in self._file:
            has = ", ".join(self._file) or "nothing"
            raise DeviceError(f"{self._path}: no recording of CREPE: no group /CREPE; has {has}")
        root = self._file[ROOT]
        if int(root.attrs["format"]) > FORMAT:
            raise DeviceError(
                f"{self._path}: format {root.attrs['format']}, this CREPE reads up to {FORMAT}"
            )
        self.session = str(root.attrs["session"])
        self.seed = int(root.attrs["seed"])
        self.is_simulated = bool(root.attrs["is_simulated"])
        self.has_ended = bool(root.attrs["ended"])
        self.is_closed = self.has_ended or bool(root.attrs.get("closed", 0))
        self.versions: dict[str, str] = json.loads(root.attrs.get("versions", "{}"))
        self.experiment: str = root["experiment"][()].decode()
        self.culture: dict[str, str] = json.loads(root["culture"][()])
        self._streams = {name: _Stream(group) for name, group in self._file[STREAMS].items()}

    def streams(self) -> dict[str, StreamInfo]:
        """What each stream carries, by name."""
        return {name: stream.info for name, stream in self._streams.items()}

    def first(self, name: str) -> int:
        """The first sample that is kept; 0 for a stream without messages."""
        last = self.last(name)
        with self._reading(name) as stream:
            return int(stream.starts.min(initial=last))

    def last(self, name: str) -> int:
        """The sample index at which the stream stops: its length in samples."""
        with self._reading(name) as stream:
            return int(stream.stops.max(initial=0))

    def gaps(self, name: str) -> list[tuple[int, int]]:
        """The windows between messages that no message covers."""
        with self._reading(name) as stream:
            reached, after = np.maximum.accumulate(stream.stops)[:-1], stream.starts[1:]
        missing = after > reached
        return list(zip(reached[missing].tolist(), after[missing].tolist(), strict=True))

    def messages(self, name: str, start: int, stop: int) -> list[Message]:
        """The messages that overlap [start, stop), in the order in which they were recorded."""
        with self._reading(name) as stream:
            return stream.overlapping(start, stop)

    @contextmanager
    def _reading(self, name: str) -> Iterator["_Stream"]:
        try:
            yield self._streams[name]
        except (OSError, ValueError) as error:
            raise DeviceError(f"{self._path}, {name}: cannot be read: {one_line(error)}") from error

    def close(self) -> None:
        """Close the file; harmless to repeat."""
        self._file.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Stream:
    """A stream's group; its table is read when it is asked for, since it may be long."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        self._table = group["messages"]
        self._n_messages = int(group["n_messages"][0])
        self.info = info_from_json(group["info"][()])

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        return self._column("start")

    @cached_property
    def stops(self) -> NDArray[np.int64]:
        return self._column("stop")

    # Windows may overlap and need not be in order: what bounds a search is the highest stop so
    # far, and the lowest start from here on.
    @cached_property
    def _highest(self) -> NDArray[np.int64]:
        return np.maximum.accumulate(self.stops)

    @cached_property
    def _lowest(self) -> NDArray[np.int64]:
        return np.minimum.accumulate(self.starts[::-1])[::-1]

    def _column(self, name: str) -> NDArray[Any]:
        found: NDArray[Any] = self._table.fields(name)[: self._n_messages]
        return found

    def overlapping(self, start: int, stop: int) -> list[Message]:
        low = int(np.searchsorted(self._highest, start, side="right"))
        high = int(np.searchsorted(self._lowest, stop, side="left"))
        if high <= low:
            return []
        layout = Layout(message_type(self.info.message))
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
            if row["stop"] > start and row["start"] < stop
        ]

    def _parts(
        self, group: h5py.Group, name: str, column: str, before: Any, rows: Any
    ) -> list[NDArray[Any]]:
        """Each row's own part of an array."""
        begin = 0 if before is None else int(before[column])
        return [np.ascontiguousarray(part) for part in parts(group[name], begin, rows[column])]
