"""Games: trials of rest, gesture, stimulation, response and outcome, all by sample index."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, PrivateAttr, model_validator

from crepe.actors.actor import Actor, ActorContext
from crepe.commands import CONTROL, INPUT, SENSOR
from crepe.conditions import STIMULATION, UNSTIMULATED, Block
from crepe.errors import ConfigError, suggest
from crepe.games.commands import GameCommands
from crepe.games.trial_state import NEXT, Phase, State
from crepe.messages import Command, Decision, GameState, Message, Stimulus
from crepe.safety.pulse import Unit
from crepe.safety.sub_trains import cuttable

_STEP_S = 0.02  # between two decisions, at most


def check_decisions(decisions: Mapping[str, str], start: ActorContext) -> None:
    """Raise ConfigError if a stream decides, by condition, that a game does not read."""
    for condition, stream in decisions.items():
        if stream not in start.inputs:
            near = suggest(stream, start.inputs)
            raise ConfigError(f"{start.name} decisions.{condition}: does not read {stream!r}{near}")


class Game(Actor[Decision | Command, GameState | Stimulus | Command]):
    """A game of trials against a culture. A new one says how to `observe`:

        class Echo(Game):
            \"\"\"The culture should give back what it was shown.\"\"\"

            def observe(self, gesture, decoded):
                return decoded, "won" if decoded == gesture else "lost"

    and if every gesture equally often, in random order, is not what it wants to show, how to
    `reset` at the beginning of a block and to `move` in each of its trials.

    In each trial a gesture is stimulated as a train of pulses at its rate and its place. What the
    readout decides while the response lasts is the answer: what it said most often, or last.

    Trials come in blocks of one condition each (`crepe.conditions`), or in one block of none.

    A gesture from outside begins a trial if it comes while the game rests or waits; of several in
    one rest the last counts. What is heard is published again, stamped with its sample index.

    On the stream `control` people pause and start it, choose the condition, and who plays; see
    `crepe.games.commands`. A trial that has begun is never cut: a pause is a longer rest.
    """

    is_sparse: ClassVar[bool] = True

    n_trials: PositiveInt = 10
    player: Literal["script", "person", "sensor"] = "script"
    """Who shows gestures: nobody (they follow from the seed), `crepe gesture`, the sensor door."""

    rest_s: PositiveFloat = 1.5
    stimulation_s: PositiveFloat = 1.0
    response_s: PositiveFloat = 0.3  # after the last pulse
    delay_s: PositiveFloat = 0.05  # from asking for the stimulus to its first pulse
    electrodes: tuple[str, ...] | Mapping[str, tuple[str, ...]] = Field(min_length=1)
    """Labels of those that are stimulated: the same for all gestures, or by gesture."""
    rates_hz: Mapping[str, PositiveFloat] = Field(min_length=1)  # pulses per second, by gesture
    phases: tuple[tuple[float, float], ...]  # of a pulse: (amplitude in `unit`, width in us)
    unit: Unit = "uA"  # of current pulses; "uV" of voltage pulses
    answer_is: Literal["most", "last"] = "most"
    """Which of the decisions in a response counts: the most frequent, or the last, for a readout
    that looks at a window of the response's length."""
    waits_for_start: bool = False  # it begins paused, until somebody says `start`
    blocks: tuple[Block, ...] = ()
    """What is tried when; none: `n_trials` trials without a condition."""
    decisions: Mapping[str, str] = Field(default_factory=dict)
    """By condition, the stream whose decisions count in it; all others: the first of `reads`."""

    _rate_hz: float = PrivateAttr()
    _seed: int = PrivateAttr()
    _heard: str = PrivateAttr("")  # the stream that decides where no other is named
    _order: tuple[str, ...] = PrivateAttr(())
    _at: State = PrivateAttr(default_factory=State)
    _told: GameCommands = PrivateAttr(default_factory=GameCommands)
    _hears_gestures: bool = PrivateAttr(False)

    @model_validator(mode="after")
    def _can_be_played(self) -> Self:
        if isinstance(self.electrodes, Mapping):
            lacking = sorted(set(self.rates_hz) - set(self.electrodes))
            if lacking:
                raise ValueError(f"electrodes: none for {', '.join(lacking)}")
        if self.blocks and self.player != "script":
            raise ValueError(f"player: {self.player!r}, must be 'script' where there are blocks")
        return self

    def reset(self, rng: np.random.Generator, n_trials: int) -> None:
        """A block of `n_trials` begins. Called again after a restart, with the same numbers."""
        gestures = sorted(self.rates_hz)
        self._order = tuple(str(g) for g in rng.permutation(np.resize(gestures, n_trials)))

    def move(self, rng: np.random.Generator) -> str:
        """The scripted player's gesture for the next trial; `rng` is fresh for each trial."""
        del rng
        return self._order[self._at.in_block - 1]

    def place(self, gesture: str, rng: np.random.Generator) -> tuple[str, ...]:
        """The electrodes that are stimulated for a gesture; `rng` is fresh for each trial."""
        del rng
        electrodes = self.electrodes
        return electrodes[gesture] if isinstance(electrodes, Mapping) else electrodes

    def observe(self, gesture: str, decoded: str | None) -> tuple[str | None, str]:
        """The culture's answer to a gesture, and the outcome, from what was decoded."""
        raise NotImplementedError

    # The actor

    def open(self, start: ActorContext) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._seed = start.seed
        self._heard = next(iter(start.inputs))
        self._hears_gestures = INPUT in start.outside
        check_decisions(self.decisions, start)
        self._told.is_paused = self.waits_for_start
        if start.snapshot:
            self._restore(start.snapshot)
        self._reset()

    @property
    def is_over(self) -> bool:
        return self._at.phase is Phase.OVER

    @property
    def trial_s(self) -> float:
        """What a trial takes at most, with two steps of its clock for each of three changes."""
        return self.rest_s + self.delay_s + self.stimulation_s + self.response_s + 6 * _STEP_S

    def step_from(self, stream: str, message: Decision | Command) -> Iterator[Message]:
        decides = self.decisions.get(self._condition, self._heard)
        if stream == CONTROL:
            yield from self._hear_control(message)
        elif stream == decides or isinstance(message, Command):
            yield from self.step(message)

    def step(self, message: Decision | Command) -> Iterator[Message]:
        if isinstance(message, Command):
            yield from self._hear(message)
            return
        now = message.stop
        if self._at.phase is Phase.RESPONSE and isinstance(message.value, str):
            if self.answer_is == "last":
                self._at.votes.clear()
            self._at.votes[message.value] = self._at.votes.get(message.value, 0) + 1
        if self._at.trial == 0:
            yield from self._rest(message, now)
        elif self._at.phase in (Phase.REST, Phase.WAITING, Phase.PAUSED) and self._turns:
            yield from self._turn(message)
        elif self._at.phase is Phase.OVER or now < self._at.until:
            return
        elif self._at.phase is Phase.REST:
            yield from self._begin(message, now)
        elif self._at.phase is Phase.STIMULATION:
            self._at.votes.clear()
            yield self._enter(Phase.RESPONSE, message, now)
            self._at.until += self._samples(self.response_s)
        elif self._at.phase is Phase.RESPONSE:
            yield from self._judge(message)

    @property
    def _turns(self) -> bool:
        """Whether what people said makes the game leave its rest, its waiting or its pause."""
        if self._at.phase is Phase.PAUSED or self._told.is_paused:
            return (self._at.phase is Phase.PAUSED) != self._told.is_paused
        return self._at.phase is Phase.WAITING and self._player == "script"

    def _turn(self, message: Message) -> Iterator[Message]:
        if self._told.is_paused:
            yield self._enter(Phase.PAUSED, message, message.stop)
        elif self._at.phase is Phase.PAUSED:
            yield self._enter(Phase.REST, message, message.stop)
            self._at.until = message.stop + self._samples(self.rest_s)
        else:
            yield from self._begin(message, message.stop)

    def _begin(self, message: Message, now: int) -> Iterator[Message]:
        gesture, shown_by = self._at.next
        if self._player == "script":
            rng = np.random.default_rng([self._seed, self._at.trial])
            yield from self._stimulate(message, self.move(rng), "script")
        elif gesture and self._speaker(shown_by) == self._player:
            yield from self._stimulate(message, gesture, shown_by)
        else:
            yield self._enter(Phase.WAITING, message, now)
            self._at.until = 2**62  # a person takes the time a person takes

    def _hear(self, command: Command) -> Iterator[Message]:
        yield command
        if command.name != "gesture" or self._at.phase not in (Phase.REST, Phase.WAITING):
            return
        if refused := self._refused(command):
            is_sensor = self._speaker(command.sender) == "sensor"
            if is_sensor and self._at.refused_in == self._at.trial:
                return  # it shows ten a second
            self._at.refused_in = self._at.trial if is_sensor else self._at.refused_in
            said = {"outcome": refused, "gesture": command.value, "shown_by": command.sender}
            yield self._state(command, "refused", **said)
        elif self._at.phase is Phase.WAITING:
            yield from self._stimulate(command, command.value, command.sender)
        else:
            self._at.next = (command.value, command.sender)

    def _hear_control(self, message: Message) -> Iterator[Message]:
        assert isinstance(message, Command)
        conditions = () if self.blocks else (STIMULATION, *UNSTIMULATED, *self.decisions)
        refused = self._told.hear(message, conditions, hears_gestures=self._hears_gestures)
        if refused:
            said = {"outcome": refused, "gesture": None, "shown_by": message.sender}
            yield self._state(message, "refused", **said)

    @property
    def _player(self) -> str:
        """Who shows gestures now."""
        return self._told.player or self.player

    @staticmethod
    def _speaker(sender: str) -> str:
        return "sensor" if sender.startswith(SENSOR) else "person"

    def _refused(self, command: Command) -> str:
        """Why a gesture cannot begin a trial; empty if it can."""
        if self._speaker(command.sender) != self._player:
            return f"a gesture by {command.sender or 'nobody'}, the player is {self._player!r}"
        if command.value not in self.rates_hz:
            return f"{command.value!r} is no gesture{suggest(command.value, self.rates_hz)}"
        return ""

    def _reset(self) -> None:
        self.reset(np.random.default_rng([self._seed, self._at.block]), self._n_in_block)

    @property
    def _n_in_block(self) -> int:
        if not self.blocks:
            return self.n_trials
        block = self.blocks[self._at.block]
        return block.n_trials or max(1, int((block.stop_s - block.start_s) / self.trial_s))

    @property
    def _condition(self) -> str:
        return self.blocks[self._at.block].condition if self.blocks else self._at.chosen

    def _rest(self, message: Message, now: int) -> Iterator[Message]:
        self._at.trial += 1
        self._at.in_block += 1
        if self._at.in_block > self._n_in_block:
            self._at.block += 1
            self._at.in_block = 1
            self._reset()
        self._at.gesture = self._at.shown_by = ""
        self._at.began.clear()
        yield self._enter(Phase.REST, message, now)
        begins = now
        if self.blocks and self._at.in_block == 1:
            begins = max(now, self._samples(self.blocks[self._at.block].start_s))
        self._at.until = begins + self._samples(self.rest_s)

    def _stimulate(self, message: Message, gesture: str, shown_by: str) -> Iterator[Message]:
        self._at.gesture, self._at.shown_by = gesture, shown_by
        self._at.chosen = self._told.condition
        self._at.next = ("", "")
        now = message.stop
        yield self._enter(Phase.STIMULATION, message, now)
        due = now + self._samples(self.delay_s)
        self._at.until = due + self._samples(self.stimulation_s)
        if self._condition in UNSTIMULATED:
            return
        rng = np.random.default_rng([self._seed, self._at.trial, 1])
        train = self._train(gesture, rng)
        yield replace(train, start=message.start, stop=message.stop, number=self._at.trial, due=due)

    def possible_trains(self) -> Iterator[Stimulus]:
        for gesture in self.rates_hz:
            yield self._train(gesture, np.random.default_rng(self._seed))

    def _train(self, gesture: str, rng: np.random.Generator) -> Stimulus:
        """What stimulates a gesture, at no sample yet."""
        rate_hz = self.rates_hz[gesture]
        n_pulses = cuttable(max(1, round(rate_hz * self.stimulation_s)), rate_hz)
        electrodes = self.place(gesture, rng)
        return Stimulus(0, 0, 0, 0, electrodes, self.phases, rate_hz, n_pulses, gesture, self.unit)

    def _judge(self, message: Message) -> Iterator[Message]:
        best = Counter(self._at.votes).most_common(2)
        is_tied = len(best) == 2 and best[0][1] == best[1][1]
        decoded = best[0][0] if best and not is_tied else None
        answer, outcome = self.observe(self._at.gesture, decoded)
        self._at.score[outcome] = self._at.score.get(outcome, 0) + 1
        said = {"answer": answer, "outcome": outcome, "decoded": decoded}
        yield self._enter(Phase.OUTCOME, message, message.stop, **said)
        if self._at.in_block < self._n_in_block or self._at.block + 1 < len(self.blocks):
            yield from self._rest(message, message.stop)
        else:
            yield self._enter(Phase.OVER, message, message.stop)

    def _enter(self, phase: Phase, message: Message, now: int, **said: Any) -> GameState:
        is_first = self._at.trial == 1 and phase is Phase.REST
        if not is_first and phase not in NEXT[self._at.phase]:
            raise RuntimeError(f"trial {self._at.trial}: from {self._at.phase} to {phase}")
        self._at.phase = phase
        self._at.began[str(phase)] = now
        return self._state(message, str(phase), **said)

    def _state(self, message: Message, phase: str, **said: Any) -> GameState:
        """Where the trial is; `said` are the fields of this state alone."""
        so_far = {
            "gesture": self._at.gesture or None,
            "score": dict(self._at.score),
            "phases": dict(self._at.began),
            "shown_by": self._at.shown_by,
            "condition": self._condition,
            "block": self._at.block + 1 if self.blocks else 0,
        }
        return GameState(message.start, message.stop, self._at.trial, phase, **{**so_far, **said})

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)

    def snapshot(self) -> Mapping[str, Any]:
        return {**asdict(self._at), "told": asdict(self._told)}

    def _restore(self, found: Mapping[str, Any]) -> None:
        state = dict(found)
        self._told = GameCommands(**state.pop("told"))
        self._at = State(**state)
        self._at.phase = Phase(self._at.phase)
