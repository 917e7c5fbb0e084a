"""Reading of streams that are kept in groups of channels, as if each were one stream."""

# Decision 118: why readers see one array.

import time
from collections.abc import Mapping
from functools import cached_property
from typing import cast

from crepe.messages import StreamInfo
from crepe.store.contract import Cursor, Entry, Readable, UnclockedEntry
from crepe.store.groups.joiner import Joiner
from crepe.store.groups.names import groups_among, is_group, whole_info, whole_name
from crepe.store.segments import joined_windows

_FURTHEST = 2**62  # sample index that nothing reaches


class Grouped:
    """The reading half of a store, on top of a class that reads streams as they are kept."""

    @cached_property
    def _groups(self) -> dict[str, dict[str, StreamInfo]]:
        return {}  # by name of a stream; of one that is kept whole it is empty

    @cached_property
    def _joiners(self) -> dict[str, Joiner]:
        return {}

    @property
    def _kept(self) -> Readable:
        """The store of the streams as they are kept: the next class in the order of bases."""
        return cast(Readable, super())

    def names_of(self, stream: str) -> tuple[str, ...]:
        """Return the names under which a stream is kept: those of its groups, or its own.

        A stream that was not described yet is taken for one that is kept whole.
        """
        return tuple(self._groups.get(stream, ())) or (stream,)

    def _groups_of(self, stream: str) -> Mapping[str, StreamInfo]:
        if is_group(stream):
            return {}
        if stream not in self._groups:
            self.info(stream)
        return self._groups.get(stream, {})

    def streams(self) -> list[str]:
        return sorted({whole_name(name) for name in self._kept.streams()})

    def info(self, stream: str) -> StreamInfo | None:
        kept = self._kept.info(stream)
        if kept is not None or is_group(stream):
            if kept is not None and not is_group(stream):
                self._groups[stream] = {}
            return kept
        self._groups.pop(stream, None)
        infos = {name: self._kept.info(name) for name in groups_among(stream, self._kept.streams())}
        groups = {name: info for name, info in infos.items() if info is not None}
        if not groups or len(groups) < len(infos):
            return None
        self._groups[stream] = groups
        return whole_info(groups.values())

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        groups = self._groups_of(stream)
        if not groups:
            return self._kept.entries(stream, after, until, count)
        joiner, entries = Joiner(groups, after), list[Entry]()
        # An entry of one group may end behind those of the others.
        furthest = until + max(info.longest_samples for info in groups.values())
        while len(entries) < count:
            pages = {
                name: self._kept.entries(name, at, furthest, count)
                for name, at in joiner.cursors(count).items()
            }
            if not any(pages.values()):
                break
            for name, page in pages.items():
                for entry in page:
                    joiner.put(name, entry)
            entries += (entry for entry in joiner.take() if entry.stop <= until)
            if joiner.position < 0:  # another session has begun the stream anew meanwhile
                return []
        return entries[:count]

    def first(self, stream: str) -> Entry | None:
        return self._outermost(stream, is_last=False)

    def last(self, stream: str) -> Entry | None:
        return self._outermost(stream, is_last=True)

    def _outermost(self, stream: str, *, is_last: bool) -> Entry | None:
        """Return the first or last entry that all groups have."""
        groups = self._groups_of(stream)
        find = self._kept.last if is_last else self._kept.first
        if not groups:
            return find(stream)
        heads = [head for name in groups if (head := find(name)) is not None]
        if len(heads) < len(groups):
            return None
        joiner = Joiner(groups, 0)
        if len({(head.start, head.stop, head.is_end) for head in heads}) == 1:
            for name, head in zip(groups, heads, strict=True):
                joiner.put(name, head)
            return next(joiner.take(), None)
        if not is_last:
            start = max(head.start for head in heads)
            return next(iter(self.entries(stream, start, _FURTHEST, 1)), None)
        stop = min(head.stop for head in heads)
        longest = max(info.longest_samples for info in groups.values())
        return next(reversed(self.entries(stream, stop - longest, stop, longest)), None)

    def covered(self, stream: str) -> list[tuple[int, int]] | None:
        groups = self._groups_of(stream)
        windows = self._kept.covered(next(iter(groups), stream))
        if windows is None or not groups:
            return windows
        entries = self.entries(stream, 0, _FURTHEST, _FURTHEST)
        return joined_windows((entry.start, entry.stop) for entry in entries)

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        # Not looked up here: a stream is described before it is read.
        joiners = {
            stream: self._joiner(stream, cursor)
            for stream, cursor in cursors.items()
            if self._groups.get(stream) and isinstance(cursor, int)
        }
        if not joiners:
            return self._kept.wait(cursors, timeout_s, count)
        deadline = time.monotonic() + timeout_s
        whole = {stream: cursor for stream, cursor in cursors.items() if stream not in joiners}
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            parts = {
                n: at for joiner in joiners.values() for n, at in joiner.cursors(count).items()
            }
            items: list[tuple[str, Entry | UnclockedEntry]] = []
            for name, entry in self._kept.wait({**whole, **parts}, left_s, count):
                if is_group(name):
                    assert isinstance(entry, Entry)
                    joiners[whole_name(name)].put(name, entry)
                else:
                    items.append((name, entry))
            for stream, joiner in joiners.items():
                items += ((stream, entry) for entry in joiner.take())
            if items or left_s <= 0:
                return items

    def _joiner(self, stream: str, cursor: int) -> Joiner:
        """Return the joiner of a stream, which keeps what it has read ahead of the cursor."""
        joiner = self._joiners.get(stream)
        if joiner is None or joiner.position != cursor:
            joiner = self._joiners[stream] = Joiner(self._groups[stream], cursor)
        return joiner
