"""A store in this process, for the in-process loop, tests and trials."""

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count as counter
from threading import Condition
from uuid import uuid4

from crepe.errors import OrderError
from crepe.messages import StreamInfo
from crepe.store.contract import Cursor, Entry, UnclockedEntry, check_order
from crepe.store.groups.grouped import Grouped
from crepe.store.segments import joined_windows


@dataclass
class _Stream:
    info: StreamInfo
    entries: list[Entry] = field(default_factory=list)
    end: Entry | None = None

    @property
    def length(self) -> int:
        return self.entries[-1].stop if self.entries else 0


class Memory:
    """The streams of one culture; several stores share it as several clients share a server."""

    def __init__(self) -> None:
        self.streams: dict[str, _Stream] = {}
        self.unclocked: dict[str, list[UnclockedEntry]] = {}
        self.beats: dict[str, dict[str, str]] = {}
        self.writers: set[str] = set()
        self.numbers = counter(1)
        self.changed = Condition()


class _PlainStore:
    """The streams in memory as they are kept, until they are deleted."""

    place = "memory of this process"

    def __init__(self, memory: Memory | None = None, *, writer: str = "client") -> None:
        self.writer = f"{writer}-{uuid4().hex[:12]}"
        self.memory = memory or Memory()
        self.memory.writers.add(self.writer)

    def close(self) -> None:
        self.memory.writers.discard(self.writer)

    # Reading

    def streams(self) -> list[str]:
        with self.memory.changed:
            return sorted(self.memory.streams)

    def info(self, stream: str) -> StreamInfo | None:
        with self.memory.changed:
            kept = self.memory.streams.get(stream)
            return kept.info if kept else None

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        with self.memory.changed:
            kept = self.memory.streams.get(stream)
            if kept is None:
                return []
            first = bisect_right(kept.entries, after, key=_stop)
            last = bisect_right(kept.entries, until, key=_stop)
            return kept.entries[first : min(last, first + count)]

    def first(self, stream: str) -> Entry | None:
        with self.memory.changed:
            kept = self.memory.streams.get(stream)
            if kept is None:
                return None
            return kept.entries[0] if kept.entries else kept.end

    def last(self, stream: str) -> Entry | None:
        with self.memory.changed:
            kept = self.memory.streams.get(stream)
            if kept is None:
                return None
            return kept.end or (kept.entries[-1] if kept.entries else None)

    def covered(self, stream: str) -> list[tuple[int, int]] | None:
        with self.memory.changed:
            kept = self.memory.streams.get(stream)
            return joined_windows((e.start, e.stop) for e in kept.entries) if kept else []

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        deadline = time.monotonic() + timeout_s
        with self.memory.changed:
            while True:
                items = [
                    (stream, item)
                    for stream, cursor in cursors.items()
                    for item in self._after(stream, cursor)[:count]
                ]
                left_s = deadline - time.monotonic()
                if items or left_s <= 0:
                    return items
                self.memory.changed.wait(left_s)

    def _after(self, stream: str, cursor: Cursor) -> Sequence[Entry | UnclockedEntry]:
        if isinstance(cursor, str):
            after = _number(cursor)
            unclocked = self.memory.unclocked.get(stream, [])
            return [entry for entry in unclocked if _number(entry.id) > after]
        kept = self.memory.streams.get(stream)
        if kept is None:
            return []
        entries = kept.entries[bisect_right(kept.entries, cursor, key=_stop) :]
        # As in Redis, where the end marker `<stop>-1` follows the cursor `<stop>-0`.
        is_end_due = kept.end is not None and kept.end.stop >= cursor
        return [*entries, kept.end] if is_end_due and kept.end else entries

    # Writing

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
        del keep_s, keep_bytes  # everything is kept
        with self.memory.changed:
            before = self.memory.streams.get(stream)
            is_others = before is not None and before.info.writer != self.writer
            if before and is_others and not takes_over:
                owner = before.info.writer
                if owner in self.memory.writers:
                    raise OrderError(f"{stream}: {owner} is writing it; choose another stream name")
            claimed = replace(info, writer=self.writer)
            if before is None or is_fresh or before.info.session != info.session:
                self.memory.streams[stream] = _Stream(claimed)
                return None
            before.info = claimed
            return before.end or (before.entries[-1] if before.entries else None)

    def append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        with self.memory.changed:
            for stream, entry in batch:
                kept = self.memory.streams.get(stream)
                if kept is None or kept.info.writer != self.writer:
                    owner = kept.info.writer if kept else "nobody"
                    raise OrderError(f"{stream}: another writer has the stream: {owner}")
                check_order(stream, entry, kept.length, kept.end is not None, kept.info)
            for stream, entry in batch:
                kept = self.memory.streams[stream]
                stored = entry._replace(session=kept.info.session)
                if entry.is_end:
                    kept.end = stored
                else:
                    kept.entries.append(stored)
            self.memory.changed.notify_all()

    def delete(self, stream: str) -> None:
        with self.memory.changed:
            self.memory.streams.pop(stream, None)
            self.memory.unclocked.pop(stream, None)

    def append_unclocked(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        with self.memory.changed:
            entry = UnclockedEntry(f"{next(self.memory.numbers)}-0", payload)
            kept = self.memory.unclocked.setdefault(stream, [])
            kept.append(entry)
            if n_kept is not None:
                del kept[:-n_kept]
            self.memory.changed.notify_all()
            return entry.id

    def forget(self, stream: str, before: str) -> None:
        with self.memory.changed:
            kept = self.memory.unclocked.get(stream, [])
            kept[:] = [entry for entry in kept if _number(entry.id) >= _number(before)]

    def register(self, stream: str, reader: str, position: int) -> None:
        """Do nothing: this store never trims, so positions do not matter."""

    def beat(self, actor: str, state: Mapping[str, str]) -> None:
        with self.memory.changed:
            self.memory.beats.setdefault(actor, {}).update(state)

    def beats(self) -> dict[str, dict[str, str]]:
        with self.memory.changed:
            return {actor: dict(state) for actor, state in sorted(self.memory.beats.items())}


class MemoryStore(Grouped, _PlainStore):
    """A store in memory, where a stream of several groups of channels is one stream."""

    def delete(self, stream: str) -> None:
        for name in self.names_of(stream):
            super().delete(name)


def _stop(entry: Entry) -> int:
    return entry.stop


def _number(identity: str) -> int:
    return int(identity.partition("-")[0])
