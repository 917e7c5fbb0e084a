"""Pong: a culture moves a paddle, is told where the ball is, and what became of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import PrivateAttr

from crepe.actors.actor import ActorContext
from crepe.commands import CONTROL, INPUT, SENSOR
from crepe.conditions import NO_FEEDBACK, OPEN_LOOP, SILENT, STIMULATION, UNSTIMULATED
from crepe.games.commands import GameCommands
from crepe.games.pong import court
from crepe.games.pong.state import NEXT, Phase, State
from crepe.games.pong.stimuli import PongStimuli, Span
from crepe.games.trial_game import check_decisions
from crepe.messages import Command, Court, Decision, GameState, Message

LONG_RALLY = 3
"""A rally of more hits is a long one (Kagan et al. 2022)."""

_DIRECTIONS = {"up": 1, "down": -1}


class Pong(PongStimuli):
    """Pong in the manner of DishBrain (Kagan et al. 2022, Neuron 110:3952).

    The paddle moves with every decision "up" or "down". The ball's place is stimulated as a site,
    its nearness as a rate of single pulses. After a hit follows a short train on all sites, after
    a miss noise: pulses at random sites and times, then silence, then the next serve.

    A rally is what happens between a serve and a miss; its length is the number of hits. Every
    end of one is a state with phase "outcome": "miss", or "cut" where the block ends first. Every
    hit is a state, too. Conditions come in blocks by time (`crepe.conditions`).

    In an open loop balls and feedback are those of the last closed loop, since a rally follows
    from its serve and the number of its hits. The paddle moves all the same, and its hits are
    counted up to its first miss, but never more balls than there were in the replayed rally.

    On the stream `control` people pause and start it, choose the condition, and who serves; see
    `crepe.games.commands`. A rally that has begun is never cut. The session goes on in a pause.
    """

    is_sparse: ClassVar[bool] = True

    _told: GameCommands = PrivateAttr(default_factory=GameCommands)
    _hears_gestures: bool = PrivateAttr(False)
    _heard: str = PrivateAttr("")  # the stream that decides where no other is named

    def open(self, start: ActorContext) -> None:
        self._rate_hz = start.first.sampling_rate_hz
        self._seed = start.seed
        self._heard = next(iter(start.inputs))
        self._hears_gestures = INPUT in start.outside
        self._step = max(1, self._samples(self.step_s))
        check_decisions(self.decisions, start)
        self._plan = tuple(
            Span(block.condition, self._samples(block.start_s), self._samples(block.stop_s))
            for block in self.blocks
        ) or (Span("", 0, self._samples(self.session_s)),)
        self._told.is_paused = self.waits_for_start
        if start.snapshot:
            found = dict(start.snapshot)
            self._told = GameCommands(**found.pop("told"))
            self._choose(found.pop("condition"))
            self._state = State(**found)

    @property
    def is_over(self) -> bool:
        return self._state.phase == Phase.OVER

    def snapshot(self) -> Mapping[str, Any]:
        told, condition = asdict(self._told), self._now.condition
        return {**asdict(self._state), "told": told, "condition": condition}

    def step_from(self, stream: str, message: Decision | Command) -> Iterator[Message]:
        decides = self.decisions.get(self._now.condition, self._heard)
        if stream == CONTROL:
            yield from self._hear_control(message)
        elif stream == decides or isinstance(message, Command):
            yield from self.step(message)

    def step(self, message: Decision | Command) -> Iterator[Message]:
        if isinstance(message, Command):
            yield from self._hear(message)
            return
        state = self._state
        if message.start > state.seen:  # what nobody saw is not played
            state.at = message.start // self._step * self._step
        state.seen = message.stop
        state.direction = _DIRECTIONS.get(str(message.value), 0)
        if not state.began:
            yield self._enter(Phase.REST, message)
        while state.at + self._step <= message.stop and not self.is_over:
            state.at += self._step
            yield from self._advance(message)

    # Blocks and rallies

    def _advance(self, message: Message) -> Iterator[Message]:
        """One step of the game."""
        state = self._state
        if state.at > self._now.stop:
            yield from self._end_block(message)
        elif state.phase == Phase.REST:
            if state.at > self._now.start:
                state.first, state.returned = state.trial + 1, ()
                yield from self._next_rally(message)
        elif state.phase in (Phase.WAITING, Phase.PAUSED) and self._turns:
            yield from self._next_rally(message)
        elif state.phase == Phase.FEEDBACK:
            yield from self._disturb(message)
            if state.at >= state.until:
                yield from self._next_rally(message)
        if self.is_over:
            return
        by = state.direction * self.paddle_speed * self.step_s
        state.paddle_y = court.move_paddle(state.paddle_y, by, self.paddle_size)
        if state.phase == Phase.PLAY:
            yield from self._fly(message)
        if state.at - state.shown >= self._rate_hz / self.shown_hz:
            state.shown = state.at
            yield self._court(message)

    def _end_block(self, message: Message) -> Iterator[Message]:
        state = self._state
        if state.phase == Phase.PLAY:
            yield from self._end_rally(message, "cut")
        if self._now.condition == STIMULATION and state.phase != Phase.REST:
            state.source_first, state.source = state.first, state.returned
        while state.block < len(self._plan) and state.at > self._plan[state.block].stop:
            state.block += 1
        if state.block == len(self._plan):
            yield self._enter(Phase.OVER, message)
        elif state.phase != Phase.REST:
            yield self._enter(Phase.REST, message)

    def _next_rally(self, message: Message) -> Iterator[Message]:
        if self._told.is_paused:
            yield self._enter(Phase.PAUSED, message)
            return
        self._choose(self._told.condition)
        if self._player == "script":
            yield from self._serve(message, "script")
        else:
            yield self._enter(Phase.WAITING, message)

    def _serve(self, message: Message, shown_by: str) -> Iterator[Message]:
        state = self._state
        state.trial += 1
        state.shown_by = shown_by
        state.rally = state.n_returned = 0
        state.is_unbroken = True
        state.drawn_as, state.wanted = state.trial, -1
        if self._now.condition == OPEN_LOOP:
            source = state.source or (0,)  # data were lost: every ball is missed
            k = len(state.returned) % len(source)
            state.drawn_as, state.wanted = state.source_first + k, source[k]
        ball = court.serve(self._rng(0), self.ball_speed, self.steepest)
        state.ball = tuple(asdict(ball).values())
        state.next_pulse = state.at + self._samples(self.delay_s)
        state.began.clear()
        yield self._enter(Phase.PLAY, message)

    def _fly(self, message: Message) -> Iterator[Message]:
        state = self._state
        ball, arrived_y = court.fly(court.Ball(*state.ball), self.step_s)
        state.ball = tuple(asdict(ball).values())
        if arrived_y is not None:
            is_met = court.meets(state.paddle_y, arrived_y, self.paddle_size)
            state.is_unbroken = state.is_unbroken and is_met
            state.rally += state.is_unbroken
            returns = is_met if state.wanted < 0 else state.n_returned < state.wanted
            yield from self._hit(message) if returns else self._miss(message)
        if state.phase == Phase.PLAY:
            yield from self._sense(message)

    def _hit(self, message: Message) -> Iterator[Message]:
        state = self._state
        state.n_returned += 1
        self._count("hits", state.is_unbroken)
        yield self._said(message, Phase.PLAY, outcome="hit" if state.is_unbroken else "miss")
        if self._now.condition != NO_FEEDBACK:
            yield from self._reward(message)

    def _miss(self, message: Message) -> Iterator[Message]:
        state = self._state
        soon = self._soon
        yield from self._end_rally(message, "miss")
        if self._now.condition == NO_FEEDBACK:
            yield from self._next_rally(message)
            return
        state.feedback_from, state.n_asked = soon, 0
        state.until = soon + self._samples(self.miss_s + self.silence_s)
        yield self._enter(Phase.FEEDBACK, message)
        yield from self._disturb(message)

    def _end_rally(self, message: Message, outcome: str) -> Iterator[Message]:
        state = self._state
        if outcome == "miss":
            self._count("rallies", True)
            self._count("aces", state.rally == 0)
            self._count("long_rallies", state.rally > LONG_RALLY)
        yield self._enter(Phase.OUTCOME, message, outcome=outcome)
        state.returned = (*state.returned, state.n_returned)

    def _choose(self, condition: str) -> None:
        """Where no plan decides: the condition of the rallies from now on."""
        if not self.blocks:
            self._plan = (self._plan[0]._replace(condition=condition),)

    # What comes from outside

    @property
    def _player(self) -> str:
        """Who serves now."""
        return self._told.player or self.player

    @property
    def _turns(self) -> bool:
        """Whether what people said makes the game leave its waiting or its pause."""
        if self._state.phase == Phase.PAUSED or self._told.is_paused:
            return (self._state.phase == Phase.PAUSED) != self._told.is_paused
        return self._player == "script"

    def _hear_control(self, message: Message) -> Iterator[Message]:
        assert isinstance(message, Command)
        known = (STIMULATION, *UNSTIMULATED, SILENT, NO_FEEDBACK, *self.decisions)
        conditions = () if self.blocks else known
        refused = self._told.hear(message, conditions, hears_gestures=self._hears_gestures)
        if refused:
            yield self._said(message, "refused", outcome=refused, shown_by=message.sender)

    def _hear(self, command: Command) -> Iterator[Message]:
        yield command
        if command.name != "gesture" or self._state.phase != Phase.WAITING:
            return
        speaker = "sensor" if command.sender.startswith(SENSOR) else "person"
        if speaker == self._player:
            yield from self._serve(command, command.sender)
            return
        reason = f"a serve by {command.sender or 'nobody'}, the player is {self._player!r}"
        said = {"outcome": reason, "gesture": command.value, "shown_by": command.sender}
        yield self._said(command, "refused", **said)

    # What is said

    def _enter(self, phase: Phase, message: Message, **said: Any) -> GameState:
        state = self._state
        if state.began and phase not in NEXT[Phase(state.phase)]:
            raise RuntimeError(f"rally {state.trial}: from {state.phase} to {phase}")
        state.phase = str(phase)
        state.began[state.phase] = state.at
        return self._said(message, state.phase, **said)

    def _said(self, message: Message, phase: str, **said: Any) -> GameState:
        """Where the rally is; `said` are the fields of this state alone."""
        state = self._state
        so_far = {
            "score": {**state.score, "rally": state.rally},
            "phases": dict(state.began),
            "shown_by": state.shown_by,
            "condition": self._now.condition,
            "block": state.block + 1 if self.blocks else 0,
        }
        return GameState(message.start, message.stop, state.trial, phase, **{**so_far, **said})

    def _court(self, message: Message) -> Court:
        state = self._state
        x, y, *_ = state.ball
        is_in_play = state.phase == Phase.PLAY
        return Court(
            message.start, message.stop, x, y, state.paddle_y, self.paddle_size, is_in_play,
            state.trial,
        )  # fmt: skip

    def _count(self, name: str, has_happened: bool) -> None:
        self._state.score[name] = self._state.score.get(name, 0) + has_happened
