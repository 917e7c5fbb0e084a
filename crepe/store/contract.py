"""The contract of a store of streams, for Redis, memory and recordings; one test file tests it.

A stream is a sequence of entries. An entry covers the window [start, stop) of sample indices; its
ID is `<stop>-0`. So the last ID is the stream's length in samples, a reader's cursor is the sample
index before which it has everything, and a repeated append changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from crepe.errors import OrderError
from crepe.messages import Segment, StreamInfo

READ_COUNT = 64
"""Most entries of one stream that a reader takes at once."""
_READ_BYTES = 32 << 20

Payload = bytes | memoryview
"""Bytes of an entry; a large one may be a read-only view of the memory that received it."""


class Entry(NamedTuple):
    """One window of a stream, as stored."""

    start: int
    stop: int
    payload: Payload = b""  # the window's messages, packed by `codec.pack`
    t_ns: int = 0  # wall clock: acquisition of a segment, else publication
    position: int = -1  # input position that it results from; -1: the same as `stop`
    snapshot: bytes = b""  # the writer's state at `position`, packed by `codec.pack_value`
    command_id: str = ""  # of the last command that the writer had consumed
    is_estimated: bool = False  # the gap before it was estimated from the clock
    is_end: bool = False  # the end marker: nothing follows; start == stop
    session: str = ""  # ID of the writer's session; the store fills it in

    @property
    def of_segment(self) -> dict[str, Any]:
        """The fields of a segment that are those of its entry."""
        return {"t_ns": self.t_ns, "is_estimated": self.is_estimated}

    @property
    def input_position(self) -> int:
        """Input position that the entry results from."""
        return self.stop if self.position < 0 else self.position


class UnclockedEntry(NamedTuple):
    """An entry of a stream outside the clock (`input`, `control`): server-given ID, any writer."""

    id: str
    payload: Payload


Cursor = int | str
"""A reader's position: a sample index, or the last ID of a stream outside the clock."""


def entries_at_once(infos: Iterable[StreamInfo]) -> int:
    """Return how many entries of each of several streams fit into 32 MB; 1 at least, 64 at most.

    Only segments are counted: other messages are small.
    """
    n_bytes = sum(
        info.n_channels * info.longest_samples * np.dtype(info.dtype).itemsize
        for info in infos
        if issubclass(info.kind, Segment)
    )
    return max(1, min(READ_COUNT, _READ_BYTES // max(n_bytes, 1)))


class Readable(Protocol):
    """The reading half of a store, which a recording has, too."""

    @property
    def place(self) -> str:
        """The place of the streams, for people: a path, or a server without its password."""

    def streams(self) -> list[str]:
        """Return the names of all streams, sorted."""

    def info(self, stream: str) -> StreamInfo | None:
        """Return the description of a stream, or None if there is no such stream."""

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        """Return at most `count` entries with after < stop <= until, in order; no end marker."""

    def first(self, stream: str) -> Entry | None:
        """Return the oldest entry that is kept."""

    def last(self, stream: str) -> Entry | None:
        """Return the newest entry; the end marker if the stream has ended."""

    def covered(self, stream: str) -> list[tuple[int, int]] | None:
        """Return the windows that entries cover, in order, those without a gap between them joined.

        None where only a reader of all entries can find them.
        """

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = READ_COUNT
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        """Return the entries after the cursors, in order within a stream; wait if there are none.

        The list is empty after `timeout_s`. The end marker is the last entry of a stream. A stream
        that was begun anew continues after the old cursor: compare the entries' `session`.
        """

    def close(self) -> None:
        """Disconnect; harmless to repeat."""


class StreamStore(Readable, Protocol):
    """A store of streams. One object per process; `writer` distinguishes its appends."""

    def declare(
        self,
        stream: str,
        info: StreamInfo,
        *,
        is_fresh: bool = False,
        takes_over: bool = False,
        keep_s: float | None = None,
        keep_bytes: float | None = None,
    ) -> Entry | None:
        """Become the writer of a stream; return its last entry.

        Raises OrderError if another writer, which is connected, has the stream.

        Parameters
        ----------
        is_fresh
            Empty the stream first. A stream of another session is always emptied.
        takes_over
            Replace a connected writer; its appends are refused from now on.
        keep_s, keep_bytes
            How much stays readable if memory allows, in seconds (default: the store's setting) and
            at most in bytes.
        """

    def append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        """Append to declared streams: the whole batch or nothing.

        An append whose reply was lost is retried inside, and is stored once. So is one that the
        caller repeats after a StoreUnavailableError. Raises OrderError for a window that begins
        before the end of the stream, and for a writer that was replaced or belongs to an earlier
        session.
        """

    def delete(self, stream: str) -> None:
        """Remove a stream and all its keys."""

    def append_unclocked(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        """Append to a stream outside the clock; return the entry's ID.

        The stream keeps about `n_kept` entries; None keeps all.
        """

    def forget(self, stream: str, before: str) -> None:
        """Drop the entries before the ID `before` from a stream outside the clock."""

    def register(self, stream: str, reader: str, position: int) -> None:
        """Note that a reader has everything before `position`; protect the rest from trimming."""

    def beat(self, actor: str, state: Mapping[str, str]) -> None:
        """Write an actor's heartbeat."""

    def beats(self) -> dict[str, dict[str, str]]:
        """Return the last heartbeat of every actor, by name."""


def check_order(key: str, entry: Entry, length: int, is_ended: bool, info: StreamInfo) -> None:
    """Raise OrderError if `entry` cannot follow a stream of `length` samples."""
    if length <= entry.start < entry.stop <= entry.start + info.longest_samples and not is_ended:
        return  # the usual case, checked first for speed
    if is_ended:
        raise OrderError(f"{key}: has ended at sample {length}; nothing can follow")
    is_empty = entry.stop <= entry.start and not entry.is_end
    if entry.start < length or is_empty:
        raise OrderError(
            f"{key}: window {entry.start} to {entry.stop}, "
            f"must begin at {length} or later and not be empty"
        )
    if entry.stop - entry.start > info.longest_samples:
        raise OrderError(
            f"{key}: window of {entry.stop - entry.start} samples, "
            f"declared were {info.longest_samples} at most"
        )
