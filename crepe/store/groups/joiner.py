"""Entries of the groups of a stream, joined into entries of the whole."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from crepe.messages import Message, Segment, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.groups.parts import clipped, join

_UNREADABLE = b"\xc1"  # a byte that msgpack never uses: readers report it as they do any other


class Joiner:
    """The groups of one stream from a position on.

    A window of the whole is one that all groups have: what one of them lacks is a gap.

    Parameters
    ----------
    groups
        The descriptions of the groups by name, in the order of the channels.
    position
        Sample index up to which the reader has the whole stream.

    Attributes
    ----------
    position
        The same after the entries that were taken; -1 once another session writes the stream.
    """

    def __init__(self, groups: Mapping[str, StreamInfo], position: int) -> None:
        self.position = position
        self._kind = codec.message_type(next(iter(groups.values())).message)
        counts = [info.n_channels for info in groups.values()]
        self._first_rows = [sum(counts[:number]) for number in range(len(counts))]
        self._queues: dict[str, deque[Entry]] = {name: deque() for name in groups}
        self._cursors = dict.fromkeys(groups, position)
        self._ended: set[str] = set()
        self._session: str | None = None
        self._foreign: Entry | None = None

    def cursors(self, count: int) -> dict[str, int]:
        """Return the groups to read from, and where: those that are `count` ahead must wait."""
        return {
            name: self._cursors[name]
            for name, queue in self._queues.items()
            if len(queue) < count and name not in self._ended
        }

    def put(self, name: str, entry: Entry) -> None:
        """Add the next entry of a group."""
        if self._session is None:
            self._session = entry.session
        if entry.session != self._session:
            self._foreign = entry  # the reader must notice it, and begins anew
            return
        self._queues[name].append(entry)
        self._cursors[name] = entry.stop
        if entry.is_end:
            self._ended.add(name)

    def take(self) -> Iterator[Entry]:
        """Yield the entries of the whole that are complete."""
        if self._foreign is not None:
            self.position = -1
            yield self._foreign._replace(payload=b"")
            return
        while all(self._queues.values()):
            heads = {name: queue[0] for name, queue in self._queues.items()}
            if all(head.is_end for head in heads.values()):
                yield self._joined(list(heads.values()))
                return
            if any(head.is_end for head in heads.values()):
                # A group has ended: it lacks what the others still have.
                done = [name for name, head in heads.items() if not head.is_end]
            else:
                stop = min(head.stop for head in heads.values())
                if max(head.start for head in heads.values()) < stop:
                    yield self._joined(list(heads.values()))
                done = [name for name, head in heads.items() if head.stop == stop]
            for name in done:
                self._queues[name].popleft()

    def _joined(self, heads: Sequence[Entry]) -> Entry:
        whole = whole_entry(heads, self._kind, self._first_rows)
        self.position = whole.stop
        return whole


def whole_entry(heads: Sequence[Entry], kind: type[Message], first_rows: Sequence[int]) -> Entry:
    """Return the entry of the window that all groups have, from one entry of each."""
    first, stop = heads[0], min(head.stop for head in heads)
    start = min(stop, max(head.start for head in heads))
    position = min(head.input_position for head in heads)
    return first._replace(
        start=start,
        stop=stop,
        payload=_payload(heads, kind, first_rows, start, stop),
        t_ns=max(head.t_ns for head in heads),
        position=position if position != stop else -1,
        is_estimated=any(head.is_estimated for head in heads),
    )


def _payload(
    heads: Sequence[Entry], kind: type[Message], first_rows: Sequence[int], start: int, stop: int
) -> bytes:
    if not any(head.payload for head in heads):
        return b""
    groups: list[list[Message]] = []
    for head in heads:
        messages, unreadable = codec.read(
            kind, head.payload, head.start, head.stop, **head.of_segment
        )
        if unreadable:
            return _UNREADABLE
        if not messages:  # a window without a message
            return b""
        groups.append(clipped(messages, start, stop))
    segments = [group[0] for group in groups if len(group) == 1 and type(group[0]) is Segment]
    if len(segments) == len(groups) and {(s.start, s.stop) for s in segments} == {(start, stop)}:
        return codec.pack_rows([segment.samples for segment in segments])  # the usual case
    return codec.pack(join(groups, first_rows), start, stop)
