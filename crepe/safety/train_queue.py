"""The trains of a stimulator that are not over: one fires, the others wait in order."""

from collections import deque
from collections.abc import Callable

from crepe.messages import Stimulus
from crepe.safety.train import Train, TrainState, train_samples


class TrainQueue:
    """At most one firing train, and the trains that wait for their time.

    Each waiting train is due no earlier than the one before it would end, so trains never overlap.
    """

    def __init__(self, sampling_rate_hz: float) -> None:
        self._rate_hz = sampling_rate_hz
        self._firing: Train | None = None
        self._waiting: deque[Train] = deque()
        self._planned_until = 0  # sample index; end of the last train if it begins when due

    @property
    def is_empty(self) -> bool:
        """Whether no train fires or waits."""
        return self._firing is None and not self._waiting

    @property
    def firing(self) -> Train | None:
        """The train of which a sub-train was started."""
        return self._firing

    @property
    def next(self) -> Train | None:
        """The first of the waiting trains."""
        return self._waiting[0] if self._waiting else None

    @property
    def waiting(self) -> list[Stimulus]:
        """The requests that wait, in the order in which they are fired."""
        return [train.stimulus for train in self._waiting]

    @property
    def requests(self) -> list[tuple[str, int]]:
        """Stream and number of every train that is not over, in order."""
        firing = [self._firing] if self._firing else []
        return [(train.stream, train.number) for train in (*firing, *self._waiting)]

    @property
    def is_connected(self) -> bool:
        """Whether electrodes are connected for a train of the queue."""
        is_prepared = self.next is not None and self.next.state is TrainState.PREPARED
        return self._firing is not None or is_prepared

    def refusal(self, stimulus: Stimulus) -> str | None:
        """Return why a request comes too close to the trains before it, or None."""
        # A train that was stopped early leaves `_planned_until` in the future.
        if self.is_empty or stimulus.due >= self._planned_until:
            return None
        return (
            f"due at {stimulus.due}, but another train is due until {self._planned_until}; "
            "one runs at a time"
        )

    def append(self, train: Train) -> None:
        """Let a train wait behind all others."""
        self._waiting.append(train)
        self._planned_until = train.stimulus.due + train_samples(train.stimulus, self._rate_hz)

    def take_next(self) -> Train:
        """Remove the first waiting train from the queue."""
        return self._waiting.popleft()

    def take_all(self, refusal: Callable[[Train], str | None]) -> list[tuple[Train, str]]:
        """Remove each waiting train for which there is a refusal; return it with the reason."""
        taken: list[tuple[Train, str]] = []
        kept: deque[Train] = deque()
        for train in self._waiting:
            if reason := refusal(train):
                taken.append((train, reason))
            else:
                kept.append(train)
        self._waiting = kept
        return taken

    def fire(self, train: Train) -> None:
        """Make a train that was taken from the queue the one that fires."""
        self._firing = train

    def disconnect(self) -> None:
        """Note that the instrument is stopped: the next train must be prepared again."""
        if self.next is not None and self.next.state is TrainState.PREPARED:
            self.next.move(TrainState.WAITING)

    def end_firing(self) -> Train | None:
        """Return the train that fired, now over; None if none did."""
        train, self._firing = self._firing, None
        if train is not None:
            train.move(TrainState.OVER)
        return train
