"""The actors of one process in order, which hand messages over in memory.

The runner moves batches between a chain and Redis; the loop runs a whole experiment in one chain.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crepe.messages import Segment
from crepe.runtime.batch import Batch, OutputBatch
from crepe.runtime.hosted_actor import HostedActor
from crepe.store import codec
from crepe.store.contract import Entry

Readers = Mapping[str, Sequence[HostedActor]]
"""The actors that read each stream."""


class Chain:
    """The hosted actors of one process, in the order of the flow."""

    def __init__(self, hosted: Sequence[HostedActor]) -> None:
        self.hosted = hosted
        self._readers = _readers(hosted)
        self._groups = [_readers(group) for group in _connected(hosted)]

    @property
    def position(self) -> int:
        """The furthest position of an actor."""
        return max(host.position for host in self.hosted)

    def push(self, batch: Batch) -> list[OutputBatch]:
        """Feed a batch to the actors that read its stream; return the output that follows."""
        return [out for outputs in self.push_by_group(batch) for out in outputs]

    def push_by_group(self, batch: Batch) -> Iterator[list[OutputBatch]]:
        """Yield what `push` returns, one group of actors after the other.

        Groups hand nothing to each other, so the output of the first can leave before the others
        begin: the longest, since a loop closes through filter, detector and decoder.
        """
        for readers in self._groups:
            if batch.stream in readers:
                yield _spread(readers, [], [batch])

    def spread(self, outputs: Sequence[OutputBatch]) -> list[OutputBatch]:
        """Feed `outputs` to their readers in this chain.

        Return `outputs` and all output that follows, also that of the readers' readers.
        """
        return _spread(self._readers, outputs, [])

    def catch_up(self, missed: Iterable[tuple[HostedActor, Batch]]) -> list[OutputBatch]:
        """Feed actors alone with what they need again; return the output that follows."""
        return self.spread([out for host, batch in missed for out in host.feed(batch)])

    def pass_silence(self, elapsed_s: float) -> list[OutputBatch]:
        """Notify every actor that no input has arrived for a while; return the output."""
        return [out for host in self.hosted for out in self.spread(host.pass_silence(elapsed_s))]

    def leave(self) -> list[OutputBatch]:
        """Return the last output of every actor before the process ends by request."""
        return [out for host in self.hosted for out in self.spread(host.leave())]

    def refuse(self, batches: Iterable[Batch]) -> list[OutputBatch]:
        """Feed actors that have left with what they had not read; return their last answers."""
        return [out for batch in batches for out in self.push(batch)] + self.leave()

    def close(self) -> None:
        """Close every actor, in the reverse order, also where one fails; raise the first error."""
        errors = []
        for host in reversed(self.hosted):
            try:
                host.actor.close()
            except Exception as error:  # noqa: BLE001  # the other actors must be closed, too
                errors.append(error)
        if errors:
            raise errors[0]


def _readers(hosted: Iterable[HostedActor]) -> dict[str, list[HostedActor]]:
    readers: dict[str, list[HostedActor]] = {}
    for host in hosted:
        for stream in dict.fromkeys((*host.reads, *host.lags)):
            readers.setdefault(stream, []).append(host)
    return readers


def _connected(hosted: Iterable[HostedActor]) -> list[list[HostedActor]]:
    """Return the groups of actors that hand streams to each other, the longest first."""
    groups: list[list[HostedActor]] = []
    for host in hosted:
        written = {*host.infos}
        read = {*host.reads, *host.lags}
        near = [
            group
            for group in groups
            if any(
                read & {*other.infos} or written & {*other.reads, *other.lags} for other in group
            )
        ]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), host])
    return sorted(groups, key=len, reverse=True)


def _spread(
    readers: Readers, outputs: Sequence[OutputBatch], fed: Sequence[Batch]
) -> list[OutputBatch]:
    results = list(outputs)
    waiting = deque([*fed, *(out.batch for out in outputs)])
    while waiting:
        # First in, first out: the windows of a stream reach every reader in their order.
        batch = waiting.popleft()
        for host in readers.get(batch.stream, ()):
            new = host.feed(batch)
            results += new
            waiting.extend(out.batch for out in new)
    return results


def as_entry(out: OutputBatch, t_ns: int) -> Entry:
    """Return the store's entry of an output that is published at wall clock `t_ns`."""
    batch = out.batch
    first = batch.messages[0] if batch.messages else None
    segment = first if isinstance(first, Segment) else None  # a stream has one type of messages
    return Entry(
        batch.start,
        batch.stop,
        codec.pack(batch.messages, batch.start, batch.stop),
        # A segment keeps the time of its acquisition, since latencies count from there.
        segment.t_ns if segment and segment.t_ns else t_ns,
        out.position if out.position != batch.stop else -1,
        codec.pack_value(out.snapshot) if out.snapshot is not None else b"",
        out.command_id,
        segment is not None and segment.is_estimated,
        batch.is_end,
    )
