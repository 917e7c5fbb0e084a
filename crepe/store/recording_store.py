"""A recording, read like the streams of its session; and the base of all stores over files."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from crepe.messages import Message, Segment, StreamInfo
from crepe.recording.reader import Recording
from crepe.store import codec
from crepe.store.contract import Cursor, Entry, UnclockedEntry

log = logging.getLogger(__name__)

_PAGE_SAMPLES = 10_000


class FileStore(ABC):
    """The reading half of a store over files: nothing is waited for, and every stream has ended."""

    def __init__(self, place: str, infos: Mapping[str, StreamInfo]) -> None:
        self.place = place
        self._infos = infos

    def streams(self) -> list[str]:
        return sorted(self._infos)

    def info(self, stream: str) -> StreamInfo | None:
        return self._infos.get(stream)

    def first(self, stream: str) -> Entry | None:
        if stream not in self._infos:
            return None
        start, _ = self._bounds(stream)
        return Entry(start, start, session=self._infos[stream].session)

    def last(self, stream: str) -> Entry | None:
        if stream not in self._infos:
            return None
        _, length = self._bounds(stream)
        return Entry(length, length, is_end=True, session=self._infos[stream].session)

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        """Return the recorded entries, then the end marker, without waiting: no more can come."""
        del timeout_s
        items: list[tuple[str, Entry | UnclockedEntry]] = []
        for stream, cursor in cursors.items():
            last = self.last(stream)
            if last is None or isinstance(cursor, str):
                continue
            entries = self.entries(stream, cursor, last.stop, count)
            items += [(stream, entry) for entry in entries]
            if len(entries) < count:
                items.append((stream, last))
        return items

    @abstractmethod
    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]: ...

    @abstractmethod
    def _bounds(self, stream: str) -> tuple[int, int]:
        """Return the first sample index of a stream, and its length in samples."""


class RecordedStore(FileStore):
    """The reading half of a store, over a recording. Raises DeviceError if the file is none."""

    def __init__(self, path: Path) -> None:
        self._recording = Recording(path)
        super().__init__(str(path), self._recording.streams())
        for problem in self._recording.problems:
            log.warning("session %s: %s", self._recording.session, problem)

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        if stream not in self._infos:
            return []
        entries: list[Entry] = []
        until = min(until, self._recording.last(stream))
        at = after
        while at < until and len(entries) < count:
            upto = min(until, at + _PAGE_SAMPLES)
            entries += self._page(stream, at, upto)
            at = upto
        return entries[:count]

    def _page(self, stream: str, after: int, until: int) -> list[Entry]:
        # A message belongs to the page in which it stops, or two pages would return it.
        messages = [
            message
            for message in self._recording.messages(stream, after, until)
            if after < message.stop <= until
        ]
        session = self._infos[stream].session
        # A recording has no entries: messages with one stop become one, as the stop is its ID.
        return [
            _entry(list(group), session) for _, group in groupby(messages, key=attrgetter("stop"))
        ]

    def covered(self, stream: str) -> list[tuple[int, int]]:
        if stream not in self._infos:
            return []
        start, stop = self._bounds(stream)
        edges = [start, *(edge for gap in self._recording.gaps(stream) for edge in gap), stop]
        return [window for window in zip(edges[::2], edges[1::2], strict=True) if window[0] < stop]

    def _bounds(self, stream: str) -> tuple[int, int]:
        return self._recording.first(stream), self._recording.last(stream)

    def close(self) -> None:
        self._recording.close()


def _entry(messages: list[Message], session: str) -> Entry:
    start, stop = min(message.start for message in messages), messages[0].stop
    first = messages[0]
    entry = Entry(start, stop, codec.pack(messages, start, stop), session=session)
    if isinstance(first, Segment):
        return entry._replace(t_ns=first.t_ns, is_estimated=first.is_estimated)
    return entry
