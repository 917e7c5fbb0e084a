"""The state of each input, followed from posts of sensors and from states of the game."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from crepe.messages import GameState

_KEPT = 200  # of the last inputs; older ones are dropped


class State(StrEnum):
    """The states of an input."""

    WAITING = "waiting"  # it may begin the next trial
    PLAYING = "playing"  # it has begun a trial, which goes on
    RESULT = "result"  # that trial has its result
    UNUSED = "unused"  # it began no trial, and will not
    OVER = "over"  # it came after the game's last trial


NEXT: Mapping[State, frozenset[State]] = {
    State.WAITING: frozenset({State.PLAYING, State.UNUSED, State.OVER}),
    State.PLAYING: frozenset({State.PLAYING, State.RESULT, State.OVER}),
    # The game decides: its states arrive here a little later, and correct what was assumed.
    State.RESULT: frozenset({State.PLAYING}),
    State.UNUSED: frozenset({State.PLAYING}),
    State.OVER: frozenset({State.PLAYING}),
}

_OPEN_PHASES = ("", "rest", "waiting")  # a gesture can begin a trial; "": not known yet


@dataclass(frozen=True)
class Input:
    """One input and its state."""

    number: str  # its ID, in `InputTracker.add` and everywhere else
    gesture: str | None  # as the frame was classified; None: no hand in it
    state: State
    reason: str = ""  # why it is unused
    trial: int = 0  # the one that it began
    decoded: str | None = None  # the gesture read out of the culture; None: not readable
    answer: str | None = None  # the culture's move
    outcome: str | None = None


class InputTracker:
    """The pairs of inputs and the trials that they begin.

    One result stands at a time: that of the trial which the last input began. It stands until the
    next input that can begin a trial.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender  # first word of `GameState.shown_by` for inputs of this gateway
        self._phase = ""
        self._trial = 0
        self._refusal = ""  # of the last input; the game publishes it once in a trial
        self._inputs: dict[str, Input] = {}
        self._last = ""  # the last input that began a trial or may begin one
        self.newest_result: Input | None = None
        """The last result, whether it still stands or not."""

    @property
    def result(self) -> Input | None:
        """The result that stands."""
        entry = self._inputs.get(self._last)
        return entry if entry is not None and entry.state is State.RESULT else None

    def find(self, number: str) -> Input | None:
        """Return an input by its number; None if it is unknown or was dropped."""
        return self._inputs.get(number)

    def add(self, number: str, gesture: str | None) -> Input:
        """Add an input whose command is on the stream `input`; return it with its state."""
        if number in self._inputs:
            return self._inputs[number]  # the game's state came before
        state, reason = self._prospect(gesture)
        if state is State.WAITING:
            self._leave_waiting("another gesture was shown after it")
            self._last = number
        self._keep(Input(number, gesture, state, reason))
        return self._inputs[number]

    def follow(self, state: GameState) -> None:
        """Update the inputs after a state of the game."""
        if state.phase == "refused":
            number = self._number(state)
            self._refusal = state.outcome or "" if number else self._refusal
            entry = self._inputs.get(number)
            if entry is not None and entry.state is State.WAITING:
                self._change(number, State.UNUSED, reason=self._refusal)
            return
        if state.trial != self._trial or state.phase == "stimulation":
            self._refusal = ""
        self._phase, self._trial = state.phase, state.trial
        if state.phase == "stimulation":
            self._began(state)
        elif state.phase == "outcome":
            self._ended(state)
        elif state.phase == "over":
            self.end()

    def end(self) -> None:
        """Close all open inputs, since the game publishes nothing further; a result stays."""
        self._phase = "over"
        for number, entry in self._inputs.items():
            if entry.state in (State.WAITING, State.PLAYING):
                self._change(number, State.OVER, reason="the game is over")

    def _prospect(self, gesture: str | None) -> tuple[State, str]:
        if self._phase == "over":
            return State.OVER, "the game is over"
        if gesture is None:
            return State.UNUSED, "no hand in the frame"
        if self._phase not in _OPEN_PHASES:
            return State.UNUSED, f"trial {self._trial} is under way: {self._phase}"
        return (State.UNUSED, self._refusal) if self._refusal else (State.WAITING, "")

    def _began(self, state: GameState) -> None:
        number = self._number(state)
        if number:
            if number not in self._inputs:  # posted before this gateway was restarted
                self._keep(Input(number, state.gesture, State.WAITING))
            self._change(number, State.PLAYING, reason="", trial=state.trial)
            self._last = number
        self._leave_waiting(f"trial {state.trial} began with another gesture")

    def _ended(self, state: GameState) -> None:
        entry = self._inputs.get(self._number(state))
        if entry is not None and entry.state is State.PLAYING:
            result = {"decoded": state.decoded, "answer": state.answer, "outcome": state.outcome}
            self._change(entry.number, State.RESULT, **result)
            self.newest_result = self._inputs[entry.number]

    def _leave_waiting(self, reason: str) -> None:
        for number, entry in self._inputs.items():
            if entry.state is State.WAITING:
                # `_change` replaces values and adds no key, which is safe while iterating.
                self._change(number, State.UNUSED, reason=reason)

    def _number(self, state: GameState) -> str:
        """Return the number of the input that a state is about; empty if it is none of ours."""
        sender, _, number = state.shown_by.partition(" ")
        return number if sender == self._sender else ""

    def _change(self, number: str, state: State, **values: object) -> None:
        before = self._inputs[number]
        if state not in NEXT[before.state]:
            raise RuntimeError(f"input {number}: from {before.state} to {state}")
        self._inputs[number] = replace(before, state=state, **values)  # type: ignore[arg-type]  # its fields

    def _keep(self, entry: Input) -> None:
        self._inputs[entry.number] = entry
        if len(self._inputs) > _KEPT:
            del self._inputs[next(number for number in self._inputs if number != self._last)]
