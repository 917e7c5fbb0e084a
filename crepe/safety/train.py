"""One train of pulses between request and end: its states, the moves between them, its record."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from crepe.messages import Delivered, DeliveryState, Stimulus
from crepe.safety.real_time import JITTER_S, Moment


class TrainState(StrEnum):
    """Stage of a train that the gate has let through."""

    WAITING = "waiting"  # nothing is connected for it
    PREPARED = "prepared"  # the instrument is set up for it: its electrodes are connected
    FIRING = "firing"  # a sub-train of it was started
    OVER = "over"  # fired or refused: no further pulse of it leaves


MOVES: Mapping[TrainState, frozenset[TrainState]] = {
    TrainState.WAITING: frozenset({TrainState.PREPARED, TrainState.OVER}),
    # back to waiting when everything is stopped before it was due
    TrainState.PREPARED: frozenset({TrainState.WAITING, TrainState.FIRING, TrainState.OVER}),
    TrainState.FIRING: frozenset({TrainState.FIRING, TrainState.OVER}),  # the next sub-train
    TrainState.OVER: frozenset(),
}


class Train:
    """A train that the gate has let through.

    Parameters
    ----------
    sub_train
        The part of it that the instrument is given at once.
    announced
        The moment at which the train was answered with `intended`.
    stream
        Of the request.
    """

    def __init__(
        self, stimulus: Stimulus, sub_train: Stimulus, announced: Moment, stream: str
    ) -> None:
        self.stimulus = stimulus
        self.sub_train = sub_train
        self.announced = announced
        self.stream = stream
        self.state = TrainState.WAITING
        self.record: Delivered | None = None  # of its start; complete when the train is over
        self._sub_train_ends = Moment(0, 0)  # of the sub-train that was started last
        self._n_sub_trains = self._sub_trains_left = stimulus.n_pulses // sub_train.n_pulses

    @property
    def number(self) -> int:
        """Number of the request."""
        return self.stimulus.number

    @property
    def is_complete(self) -> bool:
        """Whether all sub-trains were started."""
        return self._sub_trains_left == 0

    @property
    def is_in_first_sub_train(self) -> bool:
        """Whether no sub-train before this one was started."""
        return self._n_sub_trains - self._sub_trains_left <= 1

    def move(self, state: TrainState) -> None:
        """Enter a state. Raises RuntimeError for a move that `MOVES` does not list."""
        if state not in MOVES[self.state]:
            raise RuntimeError(
                f"train {self.number}: {self.state} to {state}, allowed are "
                f"{', '.join(MOVES[self.state]) or 'none'}"
            )
        self.state = state

    def begin_sub_train(self) -> None:
        """Count a sub-train as started: a failed start may have begun it all the same."""
        self.move(TrainState.FIRING)
        self._sub_trains_left -= 1

    def note_start(self, age_ms: float, t_ns: int = 0) -> None:
        """Note the age at the acknowledged start, and its wall clock; of the first sub-train."""
        if self.record is not None and self.is_in_first_sub_train:
            self.record = replace(self.record, age_ms=age_ms, t_ns=t_ns)

    def note_not_started(self) -> DeliveryState:
        """Note that a sub-train has not begun; return the state to which the train has come."""
        if self.record is None or not self.is_in_first_sub_train:
            return DeliveryState.STOPPED
        self.record = replace(self.record, fired=0, acquired_ns=0)
        return DeliveryState.REFUSED

    def expect_end(self, now: Moment, sampling_rate_hz: float) -> None:
        """Set when the sub-train that begins now is over.

        By the samples that is late by a segment at most, never early. By real time it is half a
        period earlier, since segments come a little early or late.
        """
        lasts = train_samples(self.sub_train, sampling_rate_hz)
        sooner = round(min(0.5 / self.sub_train.rate_hz, JITTER_S) * sampling_rate_hz)
        self._sub_train_ends = Moment(now.sample + lasts, now.real + lasts - sooner)

    def is_sub_train_over(self, now: Moment) -> bool:
        """Whether it is over by both clocks: late segments come faster than real time."""
        end = self._sub_train_ends
        return now.sample >= end.sample and now.real >= end.real


def train_samples(stimulus: Stimulus, sampling_rate_hz: float) -> int:
    """Return the length of a train in samples, with the pause after its last pulse."""
    return round(stimulus.n_pulses / stimulus.rate_hz * sampling_rate_hz)
