"""What a store of streams must do; Redis, memory and recordings do it, one test file tests it.

A stream is a row of entries. An entry covers the window [start, stop) of sample indices and its
ID is `<stop>-0`, so that the last ID is the stream's length in samples, a reader's cursor is "I
have everything before this sample", and an append that is repeated changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from crepe.errors import OrderError
from crepe.messages import StreamInfo


class Entry(NamedTuple):
    """One window of a stream, as stored."""

    start: int
    stop: int
    payload: bytes = b""  # the window's messages, packed by `codec.pack`
    t_ns: int = 0  # wall clock: acquisition of a segment, else publication
    position: int = -1  # input position it was made from; -1: the same as `stop`
    snapshot: bytes = b""  # the writer's state at `position`, packed by `codec.pack_value`
    heard: str = ""  # ID of the last command that the writer had consumed
    is_estimated: bool = False  # the gap before it was estimated from the clock
    is_end: bool = False  # nothing follows; start == stop
    session: str = ""  # ID of the writer's session; the store fills it in

    @property
    def input_position(self) -> int:
        return self.stop if self.position < 0 else self.position


class UnclockedEntry(NamedTuple):
    """An entry of a stream outside the clock (`input`, `control`): server-given ID, any writer."""

    id: str
    payload: bytes


Cursor = int | str
"""Where a reader is: a sample index, or the last ID of a stream outside the clock."""


class Readable(Protocol):
    """The half of a store that a recording has, too."""

    def streams(self) -> list[str]:
        """Names of all streams, sorted."""

    def info(self, stream: str) -> StreamInfo | None:
        """What the stream carries, or None if there is no such stream."""

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        """At most `count` entries with after < stop <= until, in order; no end marker."""

    def first(self, stream: str) -> Entry | None:
        """The oldest entry that is kept."""

    def last(self, stream: str) -> Entry | None:
        """The newest entry; the end marker if the stream has ended."""

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        """What stands after the cursors, in order within a stream; waits if there is nothing.

        Empty after `timeout_s`. The end marker comes as the last entry of a stream. A stream that
        was begun anew goes on after the old cursor: compare the entries' `session`.
        """

    def close(self) -> None:
        """Disconnect; harmless to repeat."""


class StreamStore(Readable, Protocol):
    """Where streams are kept. One object per process; `writer` tells its appends apart."""

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
        """Become the writer of a stream; returns its last entry.

        A stream of another session is emptied first, as is any if `is_fresh`. So many seconds of
        it stay readable, if memory allows: `keep_s`, or what the store was made with, and of
        those not more than `keep_bytes` hold. Raises OrderError if a living writer has the
        stream, unless `takes_over`: then that one's appends are refused from now on.
        """

    def append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        """Append to declared streams: all of the batch or nothing.

        An append whose reply was lost is repeated inside and stands once, also if it is made again
        after a StoreUnavailableError. Raises OrderError for a
        window that begins before the end of the stream, and for a writer that was replaced or
        belongs to an earlier session.
        """

    def delete(self, stream: str) -> None:
        """Remove a stream with all that belongs to it."""

    def append_unclocked(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        """Append to a stream outside the clock that keeps about `n_kept` entries, None all."""

    def forget(self, stream: str, before: str) -> None:
        """Drop what a stream outside the clock holds from before the ID `before`."""

    def register(self, stream: str, reader: str, position: int) -> None:
        """A reader has everything before `position`; what is after is not trimmed away."""

    def beat(self, actor: str, state: Mapping[str, str]) -> None:
        """Say that an actor is alive, and how it does."""

    def beats(self) -> dict[str, dict[str, str]]:
        """The last words of every actor, by name."""


def check_order(key: str, entry: Entry, length: int, is_ended: bool, info: StreamInfo) -> None:
    """Raise OrderError if `entry` cannot follow a stream of `length` samples."""
    if length <= entry.start < entry.stop <= entry.start + info.longest_samples and not is_ended:
        return  # as nearly always
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
