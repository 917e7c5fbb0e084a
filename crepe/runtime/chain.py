"""The stations of one process in order, handing messages over in memory.

The runner moves windows between a Flow and Redis, the loop runs a whole experiment in one Flow.
"""

from collections import deque
from collections.abc import Sequence

from crepe.messages import Segment
from crepe.runtime.hosted_actor import Out, Piece, Station
from crepe.store import codec
from crepe.store.contract import Entry


class Flow:
    """The stations of one process, in the order of the flow."""

    def __init__(self, stations: Sequence[Station]) -> None:
        self.stations = stations

    def push(self, piece: Piece) -> list[Out]:
        """Feed a window to all who read its stream, and what they make to those who read that."""
        return self.spread([], [piece])

    def spread(self, outs: Sequence[Out], fed: Sequence[Piece] = ()) -> list[Out]:
        """Hand `outs` (and `fed`) to the readers among the stations; returns all that was made."""
        made = list(outs)
        waiting = deque([*fed, *(out.piece for out in outs)])
        while waiting:
            piece = waiting.popleft()
            for station in self.stations:
                if piece.stream in station.spec.reads or piece.stream in station.lags:
                    new = station.feed(piece)
                    made += new
                    waiting.extend(out.piece for out in new)
        return made

    def close(self) -> None:
        """Close all actors, in the reverse order, each of them."""
        errors = []
        for station in reversed(self.stations):
            try:
                station.actor.close()
            except Exception as error:  # noqa: BLE001  # the others must be closed, too
                errors.append(error)
        if errors:
            raise errors[0]


def as_entry(out: Out, t_ns: int) -> Entry:
    """What a store keeps of an output window that is published at wall clock `t_ns`."""
    piece = out.piece
    segment = next((m for m in piece.messages if isinstance(m, Segment)), None)
    return Entry(
        piece.start,
        piece.stop,
        codec.pack(piece.messages, piece.start, piece.stop),
        segment.t_ns if segment and segment.t_ns else t_ns,
        out.position if out.position != piece.stop else -1,
        codec.pack_value(out.snapshot) if out.snapshot is not None else b"",
        out.heard,
        segment is not None and segment.is_estimated,
        piece.is_end,
    )
