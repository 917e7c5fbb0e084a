"""The reading half of a store over files: nothing is waited for, and every stream has ended."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from crepe.messages import StreamInfo
from crepe.store.contract import Cursor, Entry, UnclockedEntry


class FileStore(ABC):
    """A base of stores over files; a subclass reads the entries."""

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
