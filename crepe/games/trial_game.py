"""Games of trials: rest, gesture, stimulation, response and outcome, all by sample index."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.commands import CONTROL, INPUT
from crepe.conditions import STIMULATION, UNSTIMULATED
from crepe.games.commands import GameCommands, gesture_refusal, player_of
from crepe.games.decisions import check_decisions, decided
from crepe.games.hook_results import checked_move, checked_outcome
from crepe.games.trial_settings import TrialSettings
from crepe.games.trial_state import NEXT, State
from crepe.messages import Command, Decision, GameState, Message, Stimulus
from crepe.phases import GamePhase
from crepe.safety.sub_trains import cuttable

_STEP_S = 0.02  # longest interval between two decisions, by which a trial's phases may be late
_NEVER = 2**62  # a sample index that no session reaches: a person may take any time


class Game(TrialSettings, Actor[Decision | Command, GameState | Stimulus | Command]):
    """A game of trials against a culture. A new game defines `observe`:

        class Echo(Game):
            \"\"\"The culture should give back the gesture that it was shown.\"\"\"

            def observe(self, gesture, decoded):
                return decoded, "won" if decoded == gesture else "lost"

    and, if gestures should not be shown equally often in random order, `reset` at the beginning
    of a block and `move` in each of its trials. Optional hooks for scoreboard, report and study
    are listed in `crepe.games.hooks`.

    In each trial a gesture is stimulated as a train of pulses at its rate and its place. The
    answer is what the readout decides during the response: the most frequent value, or the last.

    Trials come in blocks of one condition each (`crepe.conditions`), or in one block of none.

    A gesture from outside begins a trial if it comes while the game rests or waits; of several in
    one rest the last counts. Commands on `control` (`crepe.games.commands`) take effect between
    trials; a pause is a longer rest. All are published again, stamped with their sample index.
    """

    is_sparse: ClassVar[bool] = True

    _rate_hz: float = PrivateAttr()
    _seed: int = PrivateAttr()
    _decides: str = PrivateAttr("")  # the stream of decisions where `decisions` names no other
    _order: tuple[str, ...] = PrivateAttr(())  # the gestures of the present block
    _state: State = PrivateAttr(default_factory=State)
    _commands: GameCommands = PrivateAttr(default_factory=GameCommands)
    _reads_gestures: bool = PrivateAttr(False)

    def reset(self, rng: np.random.Generator, n_trials: int) -> None:
        """Begin a block of `n_trials`. Called again after a restart, with the same numbers."""
        gestures = sorted(self.rates_hz)
        self._order = tuple(str(g) for g in rng.permutation(np.resize(gestures, n_trials)))

    def move(self, rng: np.random.Generator) -> str:
        """Return the script's gesture for the next trial; `rng` is fresh for each trial."""
        del rng
        return self._order[self._state.in_block - 1]

    def place(self, gesture: str, rng: np.random.Generator) -> tuple[str, ...]:
        """Return the electrodes to stimulate for a gesture; `rng` is fresh for each trial."""
        del rng
        electrodes = self.electrodes
        return electrodes[gesture] if isinstance(electrodes, Mapping) else electrodes

    def observe(self, gesture: str, decoded: str | None) -> tuple[str | None, str]:
        """Return the culture's answer to a gesture, and the name of the outcome.

        `decoded` is the value that the readout decided; None if nothing was readable.
        """
        raise NotImplementedError

    # The actor

    def open(self, start: ActorContext) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._seed = start.session_seed
        self._decides = next(iter(start.inputs))
        self._reads_gestures = INPUT in start.outside
        check_decisions(self.decisions, start)
        self._commands.is_paused = self.waits_for_start
        if start.snapshot:
            self._restore(start.snapshot)
        self._reset()  # the order follows from the seed; no snapshot has it

    @property
    def is_over(self) -> bool:
        return self._state.phase is GamePhase.OVER

    @property
    def trial_s(self) -> float:
        """Longest duration of a trial, with two steps of its clock for each of three changes."""
        return self.rest_s + self.delay_s + self.stimulation_s + self.response_s + 6 * _STEP_S

    def step_from(self, stream: str, message: Decision | Command) -> Iterator[Message]:
        decides = self.decisions.get(self._condition, self._decides)
        if stream == CONTROL:
            conditions = () if self.blocks else (STIMULATION, *UNSTIMULATED, *self.decisions)
            yield from self._commands.obey(
                message, conditions, self._report, reads_gestures=self._reads_gestures
            )
        elif stream == decides or isinstance(message, Command):
            yield from self.step(message)

    def step(self, message: Decision | Command) -> Iterator[Message]:
        if isinstance(message, Command):
            yield from self._take_gesture(message)
            return
        now = message.stop
        value = decided(message, self)
        if self._state.phase is GamePhase.RESPONSE and value is not None:
            self._state.vote(value, is_last=self.answer_is == "last")
        if self._state.trial == 0:
            yield from self._rest(message, now)
        elif self._is_turned:
            yield from self._change_phase(message)
        elif self._state.phase is GamePhase.OVER or now < self._state.until:
            return
        elif self._state.phase is GamePhase.REST:
            yield from self._begin(message, now)
        elif self._state.phase is GamePhase.STIMULATION:
            self._state.votes.clear()
            yield self._enter(GamePhase.RESPONSE, message, now)
            self._state.until += self._samples(self.response_s)  # from the train's end
        elif self._state.phase is GamePhase.RESPONSE:
            yield from self._judge(message)

    @property
    def _is_turned(self) -> bool:
        """Whether a command makes the game leave its rest, its waiting or its pause."""
        phase = self._state.phase
        is_between = phase in (GamePhase.REST, GamePhase.WAITING, GamePhase.PAUSED)
        return is_between and self._commands.change_phase(phase, self._player)

    def _change_phase(self, message: Message) -> Iterator[Message]:
        """Pause, end a pause with a whole rest, or let the script play instead of waiting."""
        if self._commands.is_paused:
            yield self._enter(GamePhase.PAUSED, message, message.stop)
        elif self._state.phase is GamePhase.PAUSED:
            yield self._enter(GamePhase.REST, message, message.stop)
            self._state.until = message.stop + self._samples(self.rest_s)
        else:
            yield from self._begin(message, message.stop)

    def _begin(self, message: Message, now: int) -> Iterator[Message]:
        """Show the next gesture, or wait for one."""
        gesture, shown_by = self._state.next
        if self._player == "script":
            rng = np.random.default_rng([self._seed, self._state.trial])  # a restart draws the same
            gesture = checked_move(self.move, rng, self.rates_hz)
            yield from self._stimulate(message, gesture, "script")
        elif gesture and player_of(shown_by) == self._player:
            yield from self._stimulate(message, gesture, shown_by)
        else:
            yield self._enter(GamePhase.WAITING, message, now)
            self._state.until = _NEVER

    def _take_gesture(self, command: Command) -> Iterator[Message]:
        """Publish a command again, stamped with its sample index; a gesture begins a trial."""
        yield command
        is_between = self._state.phase in (GamePhase.REST, GamePhase.WAITING)
        if command.name != "gesture" or not is_between:
            return
        if refusal := gesture_refusal(command, self._player, self.rates_hz):
            is_sensor = player_of(command.sender) == "sensor"
            if is_sensor and self._state.refused_in == self._state.trial:
                return  # a sensor sends ten a second; one refusal per trial is enough
            self._state.refused_in = self._state.trial if is_sensor else self._state.refused_in
            fields = {"outcome": refusal, "gesture": command.value, "shown_by": command.sender}
            yield self._report(command, "refused", **fields)
        elif self._state.phase is GamePhase.WAITING:
            yield from self._stimulate(command, command.value, command.sender)
        else:
            self._state.next = (command.value, command.sender)

    @property
    def _player(self) -> str:
        """The player that shows gestures now: the operator's choice, or that of the file."""
        return self._commands.player or self.player

    def _reset(self) -> None:
        self.reset(np.random.default_rng([self._seed, self._state.block]), self._n_in_block)

    @property
    def _n_in_block(self) -> int:
        if not self.blocks:
            return self.n_trials
        block = self.blocks[self._state.block]
        return block.n_trials or max(1, int((block.stop_s - block.start_s) / self.trial_s))

    @property
    def _condition(self) -> str:
        return self.blocks[self._state.block].condition if self.blocks else self._state.chosen

    def _rest(self, message: Message, now: int) -> Iterator[Message]:
        """Begin the next trial, and with it the next block where one is complete."""
        self._state.trial += 1
        self._state.in_block += 1
        if self._state.in_block > self._n_in_block:
            self._state.block += 1
            self._state.in_block = 1
            self._reset()
        self._state.gesture = self._state.shown_by = ""
        self._state.began.clear()
        yield self._enter(GamePhase.REST, message, now)
        rest_start = now
        if self.blocks and self._state.in_block == 1:  # blocks begin at fixed samples
            rest_start = max(now, self._samples(self.blocks[self._state.block].start_s))
        self._state.until = rest_start + self._samples(self.rest_s)

    def _stimulate(self, message: Message, gesture: str, shown_by: str) -> Iterator[Message]:
        self._state.gesture, self._state.shown_by = gesture, shown_by
        self._state.chosen = self._commands.condition
        self._state.next = ("", "")
        now = message.stop
        yield self._enter(GamePhase.STIMULATION, message, now)
        due = now + self._samples(self.delay_s)
        self._state.until = due + self._samples(self.stimulation_s)
        if self._condition in UNSTIMULATED:
            return
        rng = np.random.default_rng([self._seed, self._state.trial, 1])  # 1: not as for `move`
        train = self._train(gesture, rng)  # without times
        yield replace(
            train, start=message.start, stop=message.stop, number=self._state.trial, due=due
        )

    def possible_trains(self) -> Iterator[Stimulus]:
        for gesture in self.rates_hz:
            yield self._train(gesture, np.random.default_rng(self._seed))

    def _train(self, gesture: str, rng: np.random.Generator) -> Stimulus:
        """Return the train that encodes a gesture; its window, number and due time are still 0."""
        rate_hz = self.rates_hz[gesture]
        n_pulses = cuttable(max(1, round(rate_hz * self.stimulation_s)), rate_hz)  # decision 20
        electrodes = self.place(gesture, rng)
        return Stimulus(0, 0, 0, 0, electrodes, self.phases, rate_hz, n_pulses, gesture, self.unit)

    def _judge(self, message: Message) -> Iterator[Message]:
        """End the trial with its outcome; a tie between decisions is unreadable."""
        decoded = self._state.decoded
        answer, outcome = checked_outcome(self.observe, self._state.gesture, decoded)
        self._state.score[outcome] = self._state.score.get(outcome, 0) + 1
        fields = {"answer": answer, "outcome": outcome, "decoded": decoded}
        yield self._enter(GamePhase.OUTCOME, message, message.stop, **fields)
        if self._state.in_block < self._n_in_block or self._state.block + 1 < len(self.blocks):
            yield from self._rest(message, message.stop)
        else:
            yield self._enter(GamePhase.OVER, message, message.stop)

    def _enter(self, phase: GamePhase, message: Message, now: int, **fields: Any) -> GameState:
        """Change the phase and return its state. Raises RuntimeError if NEXT has no such move."""
        is_first = self._state.trial == 1 and phase is GamePhase.REST
        if not is_first and phase not in NEXT[self._state.phase]:
            raise RuntimeError(f"trial {self._state.trial}: from {self._state.phase} to {phase}")
        self._state.phase = phase
        self._state.began[str(phase)] = now
        return self._report(message, str(phase), **fields)

    def _report(self, message: Message, phase: str, **fields: Any) -> GameState:
        """Return the state of the trial; `fields` are set in this message alone."""
        common = {
            "gesture": self._state.gesture or None,
            "score": dict(self._state.score),
            "phases": dict(self._state.began),
            "shown_by": self._state.shown_by,
            "condition": self._condition,
            "block": self._state.block + 1 if self.blocks else 0,
        }
        return GameState(
            message.start, message.stop, self._state.trial, phase, **{**common, **fields}
        )

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)

    def snapshot(self) -> Mapping[str, Any]:
        return {**asdict(self._state), "told": asdict(self._commands)}  # names as in recordings

    def _restore(self, snapshot: Mapping[str, Any]) -> None:
        fields = dict(snapshot)
        self._commands = GameCommands(**fields.pop("told"))
        self._state = State(**fields)
        self._state.phase = GamePhase(self._state.phase)
