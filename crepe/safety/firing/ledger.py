"""The requests that a stimulator has received: which it has answered, and which were lost."""

# Decision 56: why each stream has a position of its own, and numbers are kept as ranges.

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crepe.messages import Delivered, DeliveryState, StreamInfo
from crepe.safety.firing.numbers import Numbers
from crepe.safety.real_time import RealTime
from crepe.safety.train import Train


class Ledger:
    """The streams of requests: how far each is answered, the numbers it has used, the answers.

    A restarted stimulator reads each stream on at that stream's own position. What was open when
    the process before it ended is lost: it may have been fired, and is answered once more.

    Parameters
    ----------
    streams
        Those of requests.
    time
        Its sample index stamps the answers.
    position
        Sample index up to which requests were answered, where the snapshot does not tell.
    snapshot
        As `snapshot` returned it; empty for a stimulator that begins.
    """

    def __init__(
        self, streams: Sequence[str], time: RealTime, position: int, snapshot: Mapping[str, Any]
    ) -> None:
        self._time = time
        positions, numbers = snapshot.get("positions", {}), snapshot.get("numbers", {})
        self._positions = {stream: positions.get(stream, position) for stream in streams}
        self._numbers = {stream: Numbers(numbers.get(stream, ())) for stream in streams}
        self._lost: list[tuple[str, int]] = [(s, n) for s, n in snapshot.get("open_trains", ())]

    @property
    def positions(self) -> Mapping[str, int]:
        """The sample index before which every request was received, by stream."""
        return self._positions

    def on_position(self, stream: str, position: int) -> None:
        """Note that a stream is complete up to a sample index."""
        if stream in self._positions:
            self._positions[stream] = max(self._positions[stream], position)

    def use(self, stream: str, number: int) -> str | None:
        """Note a number as used; return why a request must not have it, or None."""
        if number in self._numbers[stream]:
            return f"number {number}: {stream} has requested a stimulus of this number before"
        self._numbers[stream].add(number)
        return None

    def snapshot(self, open_trains: Sequence[tuple[str, int]]) -> dict[str, Any]:
        """Return the state from which the next process goes on."""
        return {
            "positions": dict(self._positions),
            "numbers": {stream: numbers.ranges for stream, numbers in self._numbers.items()},
            "open_trains": [*self._lost, *open_trains],
        }

    # Answers

    def answer(
        self, train: Train, state: DeliveryState, reason: str = "", **fields: Any
    ) -> Delivered:
        """Return an answer to the request of a train."""
        return self._answer(train.stream, train.number, state, reason, **fields)

    def refuse(self, stream: str, number: int, reason: str) -> Delivered:
        """Return the refusal of a request; `number` is 0 where it could not be read."""
        if number:
            self._numbers[stream].add(number)
        return self._answer(stream, number, DeliveryState.REFUSED, reason)

    def answer_lost(self) -> Iterator[Delivered]:
        """Yield an answer to each request that was lost, once."""
        lost, self._lost = self._lost, []
        for stream, number in lost:
            reason = "the stimulator was restarted meanwhile"
            yield self._answer(stream, number, DeliveryState.UNKNOWN, reason)

    def _answer(
        self, stream: str, number: int, state: DeliveryState, reason: str, **fields: Any
    ) -> Delivered:
        at = self._time.clock
        return Delivered(max(0, at - 1), at, number, state, reason, stream=stream, **fields)


def requester(stream: str, info: StreamInfo) -> str:
    """Return the name of the program that requests stimuli on a stream."""
    program, _, _ = info.writer.rpartition("-")  # without what tells its processes apart
    return f"{program} ({stream})" if program else stream
