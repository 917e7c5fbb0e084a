"""A match of Pong: rallies one after the other, block by block, advanced step by step."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from crepe.conditions import NO_FEEDBACK, OPEN_LOOP, STIMULATION
from crepe.games.commands import GameCommands
from crepe.games.pong import court
from crepe.games.pong.settings import PongSettings
from crepe.games.pong.state import NEXT, Phase, State
from crepe.games.pong.stimuli import PongPlanner
from crepe.games.schedule import Schedule, Span
from crepe.messages import Court, Decision, GameState, Message

LONG_RALLY = 3
"""A rally of more hits is a long one (Kagan et al. 2022)."""

_DIRECTIONS = {"up": 1, "down": -1}


class Match:
    """The rules of `Pong` and the state of one session.

    Methods yield the messages that follow, stamped with the window of the message that led to
    them.

    Parameters
    ----------
    settings
        Of the game.
    rate_hz
        Sampling rate of the stream of decisions.
    seed
        Serves and noise follow from it.
    snapshot
        A value of `snapshot`, from which the match goes on; None at the begin of a session.
    """

    def __init__(
        self,
        settings: PongSettings,
        rate_hz: float,
        seed: int,
        snapshot: Mapping[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._schedule = Schedule(settings.blocks, settings.session_s, settings.step_s, rate_hz)
        self.state = State()
        self.commands = GameCommands(is_paused=settings.waits_for_start)
        if snapshot:
            fields = dict(snapshot)
            self.commands = GameCommands(**fields.pop("told"))
            self._schedule.choose(fields.pop("condition"))
            self.state = State(**fields)
        self._stimuli = PongPlanner(settings, self._schedule, self.state, seed)

    def snapshot(self) -> Mapping[str, Any]:
        """Return all that changes, as numbers and text."""
        commands, condition = asdict(self.commands), self.block.condition
        return {**asdict(self.state), "told": commands, "condition": condition}

    @property
    def block(self) -> Span:
        """The present block; in a rest the next one, and at the end the last."""
        return self._schedule.span(self.state.block)

    @property
    def player(self) -> str:
        """The player that serves now: the operator's choice, or that of the file."""
        return self.commands.player or self._settings.player

    def play(self, decision: Decision) -> Iterator[Message]:
        """Play up to the end of a decision's window; the decision moves the paddle."""
        state, step = self.state, self._schedule.step
        if decision.start > state.seen:  # samples without a decision are skipped, not played
            state.at = decision.start // step * step
        state.seen = decision.stop
        state.direction = _DIRECTIONS.get(str(decision.value), 0)
        if not state.began:
            yield self.enter(Phase.REST, decision)
        while state.at + step <= decision.stop and state.phase != Phase.OVER:
            state.at += step
            yield from self._advance(decision)

    def serve(self, message: Message, shown_by: str) -> Iterator[Message]:
        """Begin a rally; `shown_by` is the sender of the serve, or `script`."""
        state = self.state
        state.trial += 1
        state.shown_by = shown_by
        state.rally = state.n_returned = 0
        state.is_unbroken = True
        state.drawn_as, state.wanted = state.trial, -1
        if self.block.condition == OPEN_LOOP:
            source = state.source or (0,)  # data were lost: every ball is missed
            k = len(state.returned) % len(source)
            state.drawn_as, state.wanted = state.source_first + k, source[k]
        rng = self._stimuli.rng(0)
        self._put_ball(court.serve(rng, self._settings.ball_speed, self._settings.steepest))
        state.next_pulse = state.at + self._schedule.samples(self._settings.delay_s)
        state.began.clear()
        yield self.enter(Phase.PLAY, message)

    def enter(self, phase: Phase, message: Message, **fields: Any) -> GameState:
        """Change the phase and return its state. Raises RuntimeError if NEXT has no such move."""
        state = self.state
        if state.began and phase not in NEXT[Phase(state.phase)]:
            raise RuntimeError(f"rally {state.trial}: from {state.phase} to {phase}")
        state.phase = str(phase)
        state.began[state.phase] = state.at
        return self.report(message, state.phase, **fields)

    def report(self, message: Message, phase: str, **fields: Any) -> GameState:
        """Return the state of the rally; `fields` are set in this message alone."""
        state = self.state
        common = {
            "score": {**state.score, "rally": state.rally},
            "phases": dict(state.began),
            "shown_by": state.shown_by,
            "condition": self.block.condition,
            "block": state.block + 1 if self._schedule.has_blocks else 0,
        }
        return GameState(message.start, message.stop, state.trial, phase, **{**common, **fields})

    # Blocks

    def _advance(self, message: Message) -> Iterator[Message]:
        """Play one step."""
        state, settings = self.state, self._settings
        # `at` ends the step [at - step, at), so a step up to `stop` is still in the block.
        if state.at > self.block.stop:
            yield from self._end_block(message)
        elif state.phase == Phase.REST:
            if state.at > self.block.start:
                state.first, state.returned = state.trial + 1, ()
                yield from self._next_rally(message)
        elif state.phase in (Phase.WAITING, Phase.PAUSED):
            if self.commands.change_phase(state.phase, self.player):
                yield from self._next_rally(message)
        elif state.phase == Phase.FEEDBACK:
            yield from self._stimuli.disturb(message)
            if state.at >= state.until:
                yield from self._next_rally(message)
        if state.phase == Phase.OVER:
            return
        distance = state.direction * settings.paddle_speed * settings.step_s
        state.paddle_y = court.move_paddle(state.paddle_y, distance, settings.paddle_size)
        if state.phase == Phase.PLAY:
            yield from self._fly(message)
        if state.at - state.shown >= self._schedule.rate_hz / settings.shown_hz:
            state.shown = state.at
            yield self._court(message)

    def _end_block(self, message: Message) -> Iterator[Message]:
        """End the block, and those after it that a gap in the data has swallowed."""
        state = self.state
        if state.phase == Phase.PLAY:
            yield from self._end_rally(message, "cut")
        # In REST the block has not begun, and `returned` is still of an earlier one.
        if self.block.condition == STIMULATION and state.phase != Phase.REST:
            state.source_first, state.source = state.first, state.returned
        state.block = self._schedule.skip(state.block, state.at)
        if self._schedule.is_over(state.block):
            yield self.enter(Phase.OVER, message)
        elif state.phase != Phase.REST:
            yield self.enter(Phase.REST, message)

    def _next_rally(self, message: Message) -> Iterator[Message]:
        """Serve, or wait for a serve, or pause: commands count between two rallies only."""
        if self.commands.is_paused:
            yield self.enter(Phase.PAUSED, message)
            return
        self._schedule.choose(self.commands.condition)
        if self.player == "script":
            yield from self.serve(message, "script")
        else:
            yield self.enter(Phase.WAITING, message)

    # A rally

    def _fly(self, message: Message) -> Iterator[Message]:
        """Move the ball by one step, and judge it where it reaches the paddle's wall."""
        state, settings = self.state, self._settings
        ball, arrived_y = court.fly(court.Ball(*state.ball), settings.step_s)
        self._put_ball(ball)
        if arrived_y is not None:
            is_met = court.meets(state.paddle_y, arrived_y, settings.paddle_size)
            state.is_unbroken = state.is_unbroken and is_met
            state.rally += state.is_unbroken
            # A replayed rally follows its source, whatever the paddle does.
            returns = is_met if state.wanted < 0 else state.n_returned < state.wanted
            yield from self._hit(message) if returns else self._miss(message)
        if state.phase == Phase.PLAY:
            yield from self._stimuli.show_ball(message)

    def _hit(self, message: Message) -> Iterator[Message]:
        state = self.state
        state.n_returned += 1
        self._count("hits", state.is_unbroken)
        yield self.report(message, Phase.PLAY, outcome="hit" if state.is_unbroken else "miss")
        if self.block.condition != NO_FEEDBACK:
            yield from self._stimuli.reward(message)

    def _miss(self, message: Message) -> Iterator[Message]:
        state, settings = self.state, self._settings
        soonest = self._stimuli.soonest
        yield from self._end_rally(message, "miss")
        if self.block.condition == NO_FEEDBACK:
            yield from self._next_rally(message)
            return
        state.feedback_from, state.n_asked = soonest, 0
        state.until = soonest + self._schedule.samples(settings.miss_s + settings.silence_s)
        yield self.enter(Phase.FEEDBACK, message)
        yield from self._stimuli.disturb(message)

    def _end_rally(self, message: Message, outcome: str) -> Iterator[Message]:
        state = self.state
        if outcome == "miss":
            self._count("rallies", True)
            self._count("aces", state.rally == 0)
            self._count("long_rallies", state.rally > LONG_RALLY)
        yield self.enter(Phase.OUTCOME, message, outcome=outcome)
        state.returned = (*state.returned, state.n_returned)

    def _count(self, name: str, has_happened: bool) -> None:
        """Add to the score; a name is in it, as 0, from the first time it could have happened."""
        self.state.score[name] = self.state.score.get(name, 0) + has_happened

    def _put_ball(self, ball: court.Ball) -> None:
        self.state.ball = tuple(asdict(ball).values())

    def _court(self, message: Message) -> Court:
        state = self.state
        x, y, *_ = state.ball
        is_in_play = state.phase == Phase.PLAY
        return Court(
            message.start, message.stop, x, y, state.paddle_y, self._settings.paddle_size,
            is_in_play, state.trial,
        )  # fmt: skip
