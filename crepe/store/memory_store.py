"""Streams kept in this process: for the in-process loop, for tests and for trying things out."""

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
        self.said: dict[str, list[UnclockedEntry]] = {}
        self.beats: dict[str, dict[str, str]] = {}
        self.writers: set[str] = set()
        self.numbers = counter(1)
        self.changed = Condition()


class MemoryStore:
    """A store in memory; keeps everything until it is deleted."""

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
            found = self.memory.streams.get(stream)
            return found.info if found else None

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        with self.memory.changed:
            found = self.memory.streams.get(stream)
            if found is None:
                return []
            first = bisect_right(found.entries, after, key=_stop)
            last = bisect_right(found.entries, until, key=_stop)
            return found.entries[first : min(last, first + count)]

    def first(self, stream: str) -> Entry | None:
        with self.memory.changed:
            found = self.memory.streams.get(stream)
            if found is None:
                return None
            return found.entries[0] if found.entries else found.end

    def last(self, stream: str) -> Entry | None:
        with self.memory.changed:
            found = self.memory.streams.get(stream)
            if found is None:
                return None
            return found.end or (found.entries[-1] if found.entries else None)

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        deadline = time.monotonic() + timeout_s
        with self.memory.changed:
            while True:
                found = [
                    (stream, item)
                    for stream, cursor in cursors.items()
                    for item in self._after(stream, cursor)[:count]
                ]
                left_s = deadline - time.monotonic()
                if found or left_s <= 0:
                    return found
                self.memory.changed.wait(left_s)

    def _after(self, stream: str, cursor: Cursor) -> Sequence[Entry | UnclockedEntry]:
        if isinstance(cursor, str):
            after = _number(cursor)
            return [said for said in self.memory.said.get(stream, []) if _number(said.id) > after]
        found = self.memory.streams.get(stream)
        if found is None:
            return []
        entries = found.entries[bisect_right(found.entries, cursor, key=_stop) :]
        is_end_due = found.end is not None and found.end.stop >= cursor
        return [*entries, found.end] if is_end_due and found.end else entries

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
                found = self.memory.streams.get(stream)
                if found is None or found.info.writer != self.writer:
                    owner = found.info.writer if found else "nobody"
                    raise OrderError(f"{stream}: another writer has the stream: {owner}")
                check_order(stream, entry, found.length, found.end is not None, found.info)
            for stream, entry in batch:
                found = self.memory.streams[stream]
                kept = entry._replace(session=found.info.session)
                if entry.is_end:
                    found.end = kept
                else:
                    found.entries.append(kept)
            self.memory.changed.notify_all()

    def delete(self, stream: str) -> None:
        with self.memory.changed:
            self.memory.streams.pop(stream, None)
            self.memory.said.pop(stream, None)

    def append_unclocked(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        with self.memory.changed:
            said = UnclockedEntry(f"{next(self.memory.numbers)}-0", payload)
            kept = self.memory.said.setdefault(stream, [])
            kept.append(said)
            if n_kept is not None:
                del kept[:-n_kept]
            self.memory.changed.notify_all()
            return said.id

    def forget(self, stream: str, before: str) -> None:
        with self.memory.changed:
            kept = self.memory.said.get(stream, [])
            kept[:] = [said for said in kept if _number(said.id) >= _number(before)]

    def register(self, stream: str, reader: str, position: int) -> None:
        """Nothing is trimmed here, so nobody's position matters."""

    def beat(self, actor: str, state: Mapping[str, str]) -> None:
        with self.memory.changed:
            self.memory.beats.setdefault(actor, {}).update(state)

    def beats(self) -> dict[str, dict[str, str]]:
        with self.memory.changed:
            return {actor: dict(state) for actor, state in sorted(self.memory.beats.items())}


def _stop(entry: Entry) -> int:
    return entry.stop


def _number(identity: str) -> int:
    return int(identity.partition("-")[0])
