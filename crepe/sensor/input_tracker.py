"""What became of each input: kept from what sensors show and what the game says of its trials."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from crepe.messages import GameState

_KEPT = 200  # of the last inputs; older ones are forgotten


class State(StrEnum):
    """What became of an input."""

    WAITING = "waiting"  # it may begin the next trial
    PLAYING = "playing"  # it has begun a trial, which goes on
    RESULT = "result"  # that trial has its result
    UNUSED = "unused"  # it began no trial, and will not
    OVER = "over"  # it came after the game's last trial


NEXT: Mapping[State, frozenset[State]] = {
    State.WAITING: frozenset({State.PLAYING, State.UNUSED, State.OVER}),
    State.PLAYING: frozenset({State.PLAYING, State.RESULT, State.OVER}),
    # The game is right whatever was thought here: the tracker hears of things a little later.
    State.RESULT: frozenset({State.PLAYING}),
    State.UNUSED: frozenset({State.PLAYING}),
    State.OVER: frozenset({State.PLAYING}),
}

_HEARS = ("", "rest", "waiting")  # phases in which a gesture can begin a trial; "": not known yet


@dataclass(frozen=True)
class Input:
    """One input and what became of it."""

    number: str  # names it, in `InputTracker.posted` and everywhere else
    gesture: str | None  # what it was classified as
    state: State
    reason: str = ""  # why it is unused
    trial: int = 0  # the one that it began
    decoded: str | None = None  # the gesture that was read out of the culture, or none readable
    answer: str | None = None  # the culture's move
    outcome: str | None = None


class InputTracker:
    """Pairs inputs with the trials that they begin.

    It holds one result at a time, that of the trial which the last input began, until another input
    comes that can begin a trial.
    """

    def __init__(self, speaker: str) -> None:
        self._speaker = speaker  # first word of `GameState.shown_by` if it was one of ours
        self._phase = ""
        self._trial = 0
        self._refusal = ""  # of the last input; the game says it once in a trial
        self._inputs: dict[str, Input] = {}
        self._last = ""  # the last input that began a trial or may begin one
        self.newest_result: Input | None = None
        """The last result there was, whether it still stands or not."""

    @property
    def result(self) -> Input | None:
        """The result that stands here."""
        found = self._inputs.get(self._last)
        return found if found is not None and found.state is State.RESULT else None

    def find(self, number: str) -> Input | None:
        """An input by its number, while it is not forgotten."""
        return self._inputs.get(number)

    def posted(self, number: str, gesture: str | None) -> Input:
        """A sensor has shown this, and the game has been told."""
        if number in self._inputs:
            return self._inputs[number]  # the game was faster than we
        state, reason = self._prospect(gesture)
        if state is State.WAITING:
            self._leave_waiting("another gesture was shown after it")
            self._last = number
        self._keep(Input(number, gesture, state, reason))
        return self._inputs[number]

    def hear(self, said: GameState) -> None:
        """The game has said something."""
        if said.phase == "refused":
            number = self._number(said)
            self._refusal = said.outcome or "" if number else self._refusal
            found = self._inputs.get(number)
            if found is not None and found.state is State.WAITING:
                self._change(number, State.UNUSED, reason=self._refusal)
            return
        if said.trial != self._trial or said.phase == "stimulation":
            self._refusal = ""
        self._phase, self._trial = said.phase, said.trial
        if said.phase == "stimulation":
            self._began(said)
        elif said.phase == "outcome":
            self._ended(said)
        elif said.phase == "over":
            self.end()

    def end(self) -> None:
        """The game will say nothing more; a result stays."""
        self._phase = "over"
        for number, found in self._inputs.items():
            if found.state in (State.WAITING, State.PLAYING):
                self._change(number, State.OVER, reason="the game is over")

    def _prospect(self, gesture: str | None) -> tuple[State, str]:
        if self._phase == "over":
            return State.OVER, "the game is over"
        if gesture is None:
            return State.UNUSED, "no hand in the frame"
        if self._phase not in _HEARS:
            return State.UNUSED, f"trial {self._trial} is under way: {self._phase}"
        return (State.UNUSED, self._refusal) if self._refusal else (State.WAITING, "")

    def _began(self, said: GameState) -> None:
        number = self._number(said)
        if number:
            if number not in self._inputs:  # shown through an earlier run of this door
                self._keep(Input(number, said.gesture, State.WAITING))
            self._change(number, State.PLAYING, reason="", trial=said.trial)
            self._last = number
        self._leave_waiting(f"trial {said.trial} began with another gesture")

    def _ended(self, said: GameState) -> None:
        found = self._inputs.get(self._number(said))
        if found is not None and found.state is State.PLAYING:
            result = {"decoded": said.decoded, "answer": said.answer, "outcome": said.outcome}
            self._change(found.number, State.RESULT, **result)
            self.newest_result = self._inputs[found.number]

    def _leave_waiting(self, reason: str) -> None:
        for number, found in self._inputs.items():
            if found.state is State.WAITING:
                self._change(number, State.UNUSED, reason=reason)

    def _number(self, said: GameState) -> str:
        speaker, _, number = said.shown_by.partition(" ")
        return number if speaker == self._speaker else ""

    def _change(self, number: str, state: State, **values: object) -> None:
        before = self._inputs[number]
        if state not in NEXT[before.state]:
            raise RuntimeError(f"input {number}: from {before.state} to {state}")
        self._inputs[number] = replace(before, state=state, **values)  # type: ignore[arg-type]  # its fields

    def _keep(self, found: Input) -> None:
        self._inputs[found.number] = found
        if len(self._inputs) > _KEPT:
            del self._inputs[next(number for number in self._inputs if number != self._last)]
