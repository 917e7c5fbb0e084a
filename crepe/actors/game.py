"""Games: trials of rest, gesture, stimulation, response and outcome, all by sample index."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, PrivateAttr

from crepe.actors.actor import Actor, Start
from crepe.messages import Command, Decision, GameState, Message, Stimulus
from crepe.suggest import suggest

SENSOR = "sensor"
"""First word of the sender of what came through the sensor door."""


class Phase(StrEnum):
    """Where a trial is."""

    REST = "rest"
    WAITING = "waiting"  # for a gesture from outside
    STIMULATION = "stimulation"
    RESPONSE = "response"
    OUTCOME = "outcome"
    OVER = "over"


NEXT: Mapping[Phase, frozenset[Phase]] = {
    Phase.REST: frozenset({Phase.WAITING, Phase.STIMULATION}),
    Phase.WAITING: frozenset({Phase.STIMULATION}),
    Phase.STIMULATION: frozenset({Phase.RESPONSE}),
    Phase.RESPONSE: frozenset({Phase.OUTCOME}),
    Phase.OUTCOME: frozenset({Phase.REST, Phase.OVER}),
    Phase.OVER: frozenset(),
}


class Game(Actor[Decision | Command, GameState | Stimulus | Command]):
    """A game of trials against a culture. A new one says how to `move` and how to `observe`:

        class Echo(Game):
            \"\"\"The culture should give back what it was shown.\"\"\"

            def move(self, rng):
                return str(rng.choice(sorted(self.rates_hz)))

            def observe(self, gesture, decoded):
                return decoded, "won" if decoded == gesture else "lost"

    In each trial a gesture is stimulated as a train of pulses at its rate. What the readout
    decides while the response lasts is counted; the most frequent answer is what was decoded.

    A gesture from outside begins a trial if it comes while the game rests or waits; of several in
    one rest the last counts. What is heard is published again, stamped with its sample index.
    """

    is_sparse: ClassVar[bool] = True

    n_trials: PositiveInt = 10
    player: Literal["script", "person", "sensor"] = "script"
    """Who shows gestures: nobody (they follow from the seed), `crepe gesture`, the sensor door."""

    rest_s: PositiveFloat = 1.5
    stimulation_s: PositiveFloat = 1.0
    response_s: PositiveFloat = 0.3  # after the last pulse
    delay_s: PositiveFloat = 0.05  # from asking for the stimulus to its first pulse
    electrodes: tuple[str, ...] = Field(min_length=1)  # labels of those that are stimulated
    rates_hz: Mapping[str, PositiveFloat] = Field(min_length=1)  # pulses per second, by gesture
    phases: tuple[tuple[float, float], ...]  # of a pulse: (current in uA, width in us)

    _rate_hz: float = PrivateAttr()
    _seed: int = PrivateAttr()
    _phase: Phase = PrivateAttr(Phase.REST)
    _until: int = PrivateAttr(-1)  # sample index at which the phase ends
    _trial: int = PrivateAttr(0)
    _gesture: str = PrivateAttr("")
    _shown_by: str = PrivateAttr("")
    _next: tuple[str, str] = PrivateAttr(("", ""))  # shown during the rest: gesture, by whom
    _votes: Counter[str] = PrivateAttr(default_factory=Counter)
    _score: Counter[str] = PrivateAttr(default_factory=Counter)
    _began: dict[str, int] = PrivateAttr(default_factory=dict)

    def move(self, rng: np.random.Generator) -> str:
        """The scripted player's gesture for the next trial; `rng` is fresh for each trial."""
        raise NotImplementedError

    def observe(self, gesture: str, decoded: str | None) -> tuple[str | None, str]:
        """The culture's answer to a gesture, and the outcome, from what was decoded."""
        raise NotImplementedError

    # The actor

    def open(self, start: Start) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._seed = start.seed
        if start.snapshot:
            self._restore(start.snapshot)

    @property
    def is_over(self) -> bool:
        return self._phase is Phase.OVER

    def step(self, message: Decision | Command) -> Iterator[Message]:
        if isinstance(message, Command):
            yield from self._hear(message)
            return
        now = message.stop
        if self._phase is Phase.RESPONSE and isinstance(message.value, str):
            self._votes[message.value] += 1
        if self._trial == 0:
            yield from self._rest(message, now)
        elif self._phase is Phase.OVER or now < self._until:
            return
        elif self._phase is Phase.REST:
            yield from self._begin(message, now)
        elif self._phase is Phase.STIMULATION:
            self._votes.clear()
            yield self._enter(Phase.RESPONSE, message, now)
            self._until += self._samples(self.response_s)
        elif self._phase is Phase.RESPONSE:
            yield from self._judge(message)

    def _begin(self, message: Message, now: int) -> Iterator[Message]:
        gesture, shown_by = self._next
        if self.player == "script":
            rng = np.random.default_rng([self._seed, self._trial])
            yield from self._stimulate(message, self.move(rng), "script")
        elif gesture:
            yield from self._stimulate(message, gesture, shown_by)
        else:
            yield self._enter(Phase.WAITING, message, now)
            self._until = 2**62  # a person takes the time a person takes

    def _hear(self, command: Command) -> Iterator[Message]:
        yield command
        if command.name != "gesture" or self._phase not in (Phase.REST, Phase.WAITING):
            return
        if refused := self._refused(command):
            yield self._state(command, "refused", outcome=refused, shown_by=command.sender)
        elif self._phase is Phase.WAITING:
            yield from self._stimulate(command, command.value, command.sender)
        else:
            self._next = (command.value, command.sender)

    def _refused(self, command: Command) -> str:
        """Why a gesture cannot begin a trial; empty if it can."""
        speaker = "sensor" if command.sender.startswith(SENSOR) else "person"
        if speaker != self.player:
            return f"a gesture by {command.sender or 'nobody'}, the player is {self.player!r}"
        if command.value not in self.rates_hz:
            return f"{command.value!r} is no gesture{suggest(command.value, self.rates_hz)}"
        return ""

    def _rest(self, message: Message, now: int) -> Iterator[Message]:
        self._trial += 1
        self._gesture = self._shown_by = ""
        self._began.clear()
        yield self._enter(Phase.REST, message, now)
        self._until = now + self._samples(self.rest_s)

    def _stimulate(self, message: Message, gesture: str, shown_by: str) -> Iterator[Message]:
        self._gesture, self._shown_by = gesture, shown_by
        self._next = ("", "")
        now = message.stop
        yield self._enter(Phase.STIMULATION, message, now)
        due = now + self._samples(self.delay_s)
        self._until = due + self._samples(self.stimulation_s)
        rate_hz = self.rates_hz[gesture]
        n_pulses = max(1, round(rate_hz * self.stimulation_s))
        yield Stimulus(
            message.start,
            message.stop,
            self._trial,
            due,
            self.electrodes,
            self.phases,
            rate_hz,
            n_pulses,
            gesture,
        )

    def _judge(self, message: Message) -> Iterator[Message]:
        best = self._votes.most_common(2)
        is_tied = len(best) == 2 and best[0][1] == best[1][1]
        decoded = best[0][0] if best and not is_tied else None
        answer, outcome = self.observe(self._gesture, decoded)
        self._score[outcome] += 1
        said = {"answer": answer, "outcome": outcome, "decoded": decoded}
        yield self._enter(Phase.OUTCOME, message, message.stop, **said)
        if self._trial < self.n_trials:
            yield from self._rest(message, message.stop)
        else:
            yield self._enter(Phase.OVER, message, message.stop)

    def _enter(self, phase: Phase, message: Message, now: int, **said: Any) -> GameState:
        is_first = self._trial == 1 and phase is Phase.REST
        if not is_first and phase not in NEXT[self._phase]:
            raise RuntimeError(f"trial {self._trial}: from {self._phase} to {phase}")
        self._phase = phase
        self._began[str(phase)] = now
        return self._state(message, str(phase), **said)

    def _state(self, message: Message, phase: str, **said: Any) -> GameState:
        """Where the trial is; `said` are the fields of this state alone."""
        so_far = {
            "gesture": self._gesture or None,
            "score": dict(self._score),
            "phases": dict(self._began),
            "shown_by": self._shown_by,
        }
        return GameState(message.start, message.stop, self._trial, phase, **{**so_far, **said})

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)

    # State that input cannot restore

    def snapshot(self) -> Mapping[str, Any]:
        return {
            "phase": str(self._phase),
            "until": self._until,
            "trial": self._trial,
            "gesture": self._gesture,
            "shown_by": self._shown_by,
            "next": self._next,
            "votes": dict(self._votes),
            "score": dict(self._score),
            "began": dict(self._began),
        }

    def _restore(self, found: Mapping[str, Any]) -> None:
        self._phase = Phase(found["phase"])
        self._until = found["until"]
        self._trial = found["trial"]
        self._gesture = found["gesture"]
        self._shown_by = found["shown_by"]
        self._next = found["next"]
        self._votes = Counter(found["votes"])
        self._score = Counter(found["score"])
        self._began = dict(found["began"])


BEATS: Mapping[str, str] = {"rock": "paper", "paper": "scissors", "scissors": "rock"}
"""By gesture, the move that beats it."""


class RockPaperScissors(Game):
    """The culture is shown a gesture, and the move that beats the decoded one is its answer.

    Outcomes as the culture sees them: won, drawn, lost, or none if nothing was readable. A readout
    that decodes every gesture rightly wins every trial.
    """

    def move(self, rng: np.random.Generator) -> str:
        return str(rng.choice(sorted(self.rates_hz)))

    def observe(self, gesture: str, decoded: str | None) -> tuple[str | None, str]:
        answer = BEATS.get(decoded) if decoded is not None else None
        if answer is None:
            return None, "none"
        if answer == gesture:
            return answer, "drawn"
        return answer, "won" if answer == BEATS[gesture] else "lost"
