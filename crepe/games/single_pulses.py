"""Single pulses at one electrode after the other, in random order: which electrodes answer?"""

# Decision 102: why this is a game, and what is measured from it.

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    model_validator,
)

from crepe.actors.actor import Actor, ActorContext
from crepe.commands import CONTROL
from crepe.games.commands import GameCommands
from crepe.messages import Command, GameState, Message, Spikes, Stimulus
from crepe.phases import GamePhase
from crepe.safety.pulse import Unit


@dataclass
class State:
    """All that changes; numbers and text only, since it is the snapshot."""

    phase: str = ""
    trial: int = 0  # number of the last pulse requested
    until: int = 0  # sample index at which the phase ends
    requested: int = 0  # sample index of the last request
    is_paused: bool = False


class SinglePulses(Actor[Spikes | Command, GameState | Stimulus | Command]):
    """Single pulses for `crepe map`: each electrode once in every round, in random order.

    A trial is a pulse, a block a round. The order of a round follows from the session's seed. The
    answers are not judged here: `crepe.results.evoked_map` does that from the recorded session.

    The commands `pause` and `start` on the stream `control` take effect between two pulses. They
    are published again with the sample index at which they arrived, for an exact replay.
    """

    is_sparse: ClassVar[bool] = True

    electrodes: tuple[str, ...] = Field(min_length=1)
    """Labels of the electrodes that are stimulated, one at a time."""
    n_rounds: PositiveInt = 20
    """Number of pulses at each electrode."""
    interval_s: float = Field(1.0, ge=0.3)
    """Time from a request to the next; at least three times the longest response that counts."""
    rest_s: NonNegativeFloat = 6.0
    """Rest before the first pulse, in which the noise levels of `Detect` settle."""
    delay_s: PositiveFloat = 0.05
    """Time from the request of a pulse to the pulse."""
    phases: tuple[tuple[float, float], ...]
    """Phases of a pulse, each (amplitude in `unit`, width in us)."""
    unit: Unit = "uA"
    """Unit of amplitudes: "uA" for current pulses, "uV" for voltage pulses."""
    waits_for_start: bool = False
    """Begin paused, until the command `start`: so that no pulse is requested before arming."""
    held_ms: float = Field(5.0, ge=0, lt=10)
    """Time after a pulse in which no spike counts: amplifiers are held (by MEAME for 4 ms after the
    last phase), and the filter responds to their release."""
    latency_ms: float = Field(0.0, ge=0)
    """Time from the command to start to the pulse, as measured at the bench; 0 when simulated."""

    _rate_hz: float = PrivateAttr()
    _seed: int = PrivateAttr()
    _state: State = PrivateAttr()
    _commands: GameCommands = PrivateAttr(default_factory=GameCommands)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = sorted({label for label in self.electrodes if self.electrodes.count(label) > 1})
        if twice:
            raise ValueError(f"electrodes: {', '.join(twice)} named twice, must be once each")
        return self

    @property
    def n_pulses(self) -> int:
        """Number of pulses in all."""
        return self.n_rounds * len(self.electrodes)

    def open(self, context: ActorContext) -> None:
        self._rate_hz = context.first.sampling_rate_hz
        self._seed = context.session_seed
        self._state = State(**(context.snapshot or {"is_paused": self.waits_for_start}))
        self._commands.is_paused = self._state.is_paused

    @property
    def is_over(self) -> bool:
        return self._state.phase == GamePhase.OVER

    def snapshot(self) -> Mapping[str, Any]:
        return asdict(self._state)

    def order(self, n_round: int) -> tuple[str, ...]:
        """Return the electrodes of a round, from 1, in the order of their pulses; after `open`."""
        rng = np.random.default_rng([self._seed, n_round])
        return tuple(str(label) for label in rng.permutation(self.electrodes))

    def step_from(self, stream: str, message: Spikes | Command) -> Iterator[Message]:
        if stream == CONTROL:
            yield from self._commands.obey(message, (), self._report, reads_gestures=False)
            self._state.is_paused = self._commands.is_paused
        else:
            yield from self.step(message)

    def step(self, message: Spikes | Command) -> Iterator[Message]:
        now, state = message.stop, self._state
        if not state.phase:
            yield self._enter(GamePhase.REST, message, now + self._samples(self.rest_s))
        elif state.phase == GamePhase.OVER:
            return
        elif state.phase == GamePhase.PAUSED:
            if not state.is_paused:
                yield self._enter(GamePhase.REST, message, now + self._samples(self.rest_s))
        elif state.phase == GamePhase.STIMULATION and now >= state.until:
            yield self._enter(GamePhase.OUTCOME, message, now)
        if state.phase in (GamePhase.REST, GamePhase.OUTCOME):
            yield from self._go_on(message)

    def possible_trains(self) -> Iterator[Stimulus]:
        for label in self.electrodes:
            yield self._pulse(label, 0, 0, 0, 0)

    def _go_on(self, message: Message) -> Iterator[Message]:
        """End, pause, or request the next pulse when its time has come."""
        state, now = self._state, message.stop
        if state.trial == self.n_pulses:
            yield self._enter(GamePhase.OVER, message, now)
        elif state.is_paused:
            yield self._enter(GamePhase.PAUSED, message, now)
        elif now >= state.until:
            place = state.trial % len(self.electrodes)
            state.trial += 1
            state.requested = now
            yield self._enter(GamePhase.STIMULATION, message, now + self._samples(self.interval_s))
            due = now + self._samples(self.delay_s)
            label = self.order(self._round)[place]
            yield self._pulse(label, message.start, now, state.trial, due)

    def _pulse(self, label: str, start: int, stop: int, number: int, due: int) -> Stimulus:
        # The rate of a single pulse only tells an instrument how long its pattern may take.
        return Stimulus(start, stop, number, due, (label,), self.phases, 20.0, 1, label, self.unit)

    @property
    def _round(self) -> int:
        return (self._state.trial - 1) // len(self.electrodes) + 1

    def _enter(self, phase: GamePhase, message: Message, until: int) -> GameState:
        self._state.phase, self._state.until = phase, until
        return self._report(message, phase, "pulse" if phase == GamePhase.OUTCOME else None)

    def _report(
        self, message: Message, phase: str, outcome: str | None = None, **fields: Any
    ) -> GameState:
        state = self._state
        began = {GamePhase.STIMULATION.value: state.requested} if state.trial else {}
        if phase == GamePhase.OUTCOME:
            began[GamePhase.OUTCOME.value] = message.stop
        return GameState(
            message.start, message.stop, state.trial, str(phase), outcome=outcome, phases=began,
            block=self._round if state.trial else 0, **fields,
        )  # fmt: skip

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)

    @classmethod
    def outcome_line(cls, state: GameState) -> str:
        """Return a pulse in one line (a hook, see `crepe.games.hooks`)."""
        return f"pulse {state.trial}, round {state.block}"
