"""Requests of stimuli by games that are played by sample index, in blocks of conditions."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Protocol

from crepe.games.schedule import Schedule
from crepe.messages import Message, Stimulus


class PlannedState(Protocol):
    """The part of a game's state that its planner reads and changes."""

    at: int  # sample index up to which the game is played
    block: int  # index
    number: int  # of the last stimulus
    free: int  # sample index at which the last requested stimulus is over


class StimulusPlanner(ABC):
    """Requests the stimuli of a game from its state.

    A condition that withholds a stimulus still spends its time, so that conditions differ in
    nothing but the pulses. The methods of a game's planner yield the requests that are due at the
    present step, with the window of the message that the step belongs to.

    Parameters
    ----------
    delay_s
        Time from a request to the earliest pulse.
    """

    shown_as: ClassVar[str]
    """Meaning of the stimuli that show the game; all others are feedback."""

    def __init__(self, schedule: Schedule, state: PlannedState, delay_s: float) -> None:
        self._schedule = schedule
        self._planned = state
        self._delay_s = delay_s

    @abstractmethod
    def _train(
        self, meaning: str, electrodes: tuple[str, ...], rate_hz: float, n_pulses: int
    ) -> Stimulus:
        """Return a train whose window, number and due time are still 0."""

    @property
    def soonest(self) -> int:
        """Sample index at which the next stimulus can be due at the earliest."""
        return max(self._planned.at + self._schedule.samples(self._delay_s), self._planned.free)

    def _is_time(self, due: int) -> bool:
        """Whether a pulse must be requested now: at the next step it would be late."""
        return self._schedule.is_time(due, self._planned.at, self._delay_s)

    def _request(
        self,
        message: Message,
        meaning: str,
        due: int,
        electrodes: tuple[str, ...],
        *,
        rate_hz: float,
        n_pulses: int = 1,
    ) -> Iterator[Stimulus]:
        """Yield a stimulus unless the condition withholds it, and spend its time either way."""
        state = self._planned
        state.free = due + self._schedule.samples(n_pulses / rate_hz)
        block = self._schedule.span(state.block)
        if not block.allows(state.free, is_feedback=meaning != self.shown_as):
            return
        state.number += 1
        train = self._train(meaning, electrodes, rate_hz, n_pulses)
        yield replace(train, start=message.start, stop=message.stop, number=state.number, due=due)
