"""The hosted of one process in order, handing messages over in memory.

The runner moves windows between a Chain and Redis, the loop runs a whole experiment in one Chain.
"""

from collections import deque
from collections.abc import Sequence

from crepe.messages import Segment
from crepe.runtime.hosted_actor import Batch, HostedActor, OutputBatch
from crepe.store import codec
from crepe.store.contract import Entry


class Chain:
    """The hosted of one process, in the order of the chain."""

    def __init__(self, hosted: Sequence[HostedActor]) -> None:
        self.hosted = hosted

    def push(self, batch: Batch) -> list[OutputBatch]:
        """Feed a window to all who read its stream, and what they make to those who read that."""
        return self.spread([], [batch])

    def spread(
        self, outputs: Sequence[OutputBatch], fed: Sequence[Batch] = ()
    ) -> list[OutputBatch]:
        """Hand `outputs` (and `fed`) to the readers among the hosted; returns all that was made."""
        made = list(outputs)
        waiting = deque([*fed, *(out.batch for out in outputs)])
        while waiting:
            batch = waiting.popleft()
            for host in self.hosted:
                if batch.stream in host.spec.reads or batch.stream in host.lags:
                    new = host.feed(batch)
                    made += new
                    waiting.extend(out.batch for out in new)
        return made

    def close(self) -> None:
        """Close all actors, in the reverse order, each of them."""
        errors = []
        for host in reversed(self.hosted):
            try:
                host.actor.close()
            except Exception as error:  # noqa: BLE001  # the others must be closed, too
                errors.append(error)
        if errors:
            raise errors[0]


def as_entry(out: OutputBatch, t_ns: int) -> Entry:
    """What a store keeps of an output window that is published at wall clock `t_ns`."""
    batch = out.batch
    segment = next((m for m in batch.messages if isinstance(m, Segment)), None)
    return Entry(
        batch.start,
        batch.stop,
        codec.pack(batch.messages, batch.start, batch.stop),
        segment.t_ns if segment and segment.t_ns else t_ns,
        out.position if out.position != batch.stop else -1,
        codec.pack_value(out.snapshot) if out.snapshot is not None else b"",
        out.heard,
        segment is not None and segment.is_estimated,
        batch.is_end,
    )
