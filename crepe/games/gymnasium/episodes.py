"""Episodes in an environment, one after the other, block by block, advanced tick by tick."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.conditions import NO_FEEDBACK, RANDOM
from crepe.games.commands import GameCommands
from crepe.games.gymnasium.coach import Coach
from crepe.games.gymnasium.environment import Environment
from crepe.games.gymnasium.settings import Feedback, GymSettings
from crepe.games.gymnasium.state import FEEDBACK, NEXT, PLAY, State
from crepe.games.gymnasium.stimuli import GymPlanner
from crepe.games.schedule import Schedule, Span
from crepe.messages import Decision, GameState, Image, Message, Transition
from crepe.phases import GamePhase


class Episodes:
    """The rules of `GymGame` and the state of one session.

    Methods yield the messages that follow, stamped with the window of the message that led to
    them.

    Parameters
    ----------
    settings
        Of the game.
    environment
        The environment, not begun.
    judge
        Returns the feedback to a step.
    rate_hz
        Sampling rate of the stream of decisions.
    seed
        The episodes' seeds and the noise follow from it.
    snapshot
        A value of `snapshot`, from which the game goes on; None at the begin of a session.
    coach
        Chooses a training stimulus after an episode, if there is one.
    """

    def __init__(
        self,
        settings: GymSettings,
        environment: Environment,
        *,
        judge: Callable[[Transition], Feedback],
        rate_hz: float,
        seed: int,
        snapshot: Mapping[str, Any] | None = None,
        coach: Coach | None = None,
    ) -> None:
        self._coach = coach
        self._settings = settings
        self._environment = environment
        self._judge = judge
        self._seed = seed
        self._schedule = Schedule(settings.blocks, settings.session_s, settings.tick_s, rate_hz)
        self.state = State(decision=settings.undecided or next(iter(settings.actions)))
        self.commands = GameCommands(is_paused=settings.waits_for_start)
        self._observation: NDArray[np.float64] = np.empty(0)
        if snapshot:
            fields = dict(snapshot)
            fields.pop("coach", None)  # the coach itself has taken it
            self.commands = GameCommands(**fields.pop("commands"))
            self._schedule.choose(fields.pop("condition"))
            self.state = State(**fields)
            self._play_again()
        self._stimuli = GymPlanner(settings, self._schedule, self.state, seed)

    def snapshot(self) -> Mapping[str, Any]:
        """Return all that changes, as numbers and text."""
        commands, condition = asdict(self.commands), self.block.condition
        coach = {"coach": self._coach.snapshot()} if self._coach else {}
        return {**asdict(self.state), "commands": commands, "condition": condition, **coach}

    @property
    def block(self) -> Span:
        """The present block; in a rest the next one, and at the end the last."""
        return self._schedule.span(self.state.block)

    def play(self, decision: Decision, value: str | None) -> Iterator[Message]:
        """Play up to the end of a decision's window."""
        state, tick = self.state, self._schedule.step
        if decision.start > state.seen:  # samples without a decision are skipped, not played
            state.at = decision.start // tick * tick
        state.seen = decision.stop
        if value is not None or self._settings.undecided:
            state.decision = value or self._settings.undecided
        if not state.began:
            yield self._enter(GamePhase.REST, decision)
        while state.at + tick <= decision.stop and state.phase != GamePhase.OVER:
            state.at += tick
            yield from self._advance(decision)

    def lose(self, number: int) -> None:
        """Note that a stimulus was not delivered to its end."""
        if self._coach is not None:
            self._coach.lose(number)

    def report(self, message: Message, phase: str, **fields: Any) -> GameState:
        """Return the state of the episode; `fields` are set in this message alone."""
        state = self.state
        common = {
            "score": {**state.score, "steps": len(state.actions)},
            "phases": dict(state.began),
            "condition": self.block.condition,
            "block": state.block + 1 if self._schedule.has_blocks else 0,
            "value": state.total,
        }
        return GameState(message.start, message.stop, state.trial, phase, **{**common, **fields})

    def _enter(self, phase: str, message: Message, **fields: Any) -> GameState:
        """Change the phase and return its state. Raises RuntimeError if NEXT has no such move."""
        state = self.state
        if state.began and phase not in NEXT[state.phase]:
            raise RuntimeError(f"episode {state.trial}: from {state.phase} to {phase}")
        state.phase = str(phase)
        state.began[state.phase] = state.at
        return self.report(message, state.phase, **fields)

    def _advance(self, message: Message) -> Iterator[Message]:
        """Play one tick."""
        state = self.state
        # `at` ends the tick [at - tick, at), so one up to `stop` is still in the block.
        if state.at > self.block.stop:
            yield from self._end_block(message)
        elif state.phase == GamePhase.REST:
            if state.at > self.block.start:
                yield from self._next_episode(message)
        elif state.phase == GamePhase.PAUSED:
            if not self.commands.is_paused:
                yield from self._next_episode(message)
        elif state.phase == FEEDBACK:
            if not state.is_training:
                yield from self._stimuli.noise(message)
            if state.at >= state.until:
                yield from self._go_on(message)
        elif state.phase == PLAY:
            if state.at >= state.next_step:
                yield from self._step(message)
            if state.phase == PLAY:
                yield from self._stimuli.show(message, self._observation)
        shown_hz = self._settings.shown_hz
        is_due = shown_hz and state.at - state.shown >= self._schedule.rate_hz / shown_hz
        if is_due and state.trial:
            state.shown = state.at
            pixels, caption = self._environment.picture()
            yield Image(message.start, message.stop, pixels, caption)

    def _end_block(self, message: Message) -> Iterator[Message]:
        """End the block, and those after it that a gap in the data has swallowed."""
        state = self.state
        if state.is_running:
            yield self._end_episode(message, "cut")
        state.block = self._schedule.skip(state.block, state.at)
        if self._schedule.is_over(state.block):
            yield self._enter(GamePhase.OVER, message)
        elif state.phase != GamePhase.REST:
            yield self._enter(GamePhase.REST, message)

    # An episode

    def _next_episode(self, message: Message) -> Iterator[Message]:
        """Begin an episode, or pause: commands count between two episodes only."""
        state = self.state
        if self.commands.is_paused:
            yield self._enter(GamePhase.PAUSED, message)
            return
        self._schedule.choose(self.commands.condition)
        state.trial += 1
        state.actions, state.total, state.is_running = (), 0.0, True
        state.dues = ()
        state.next_step = state.at + self._schedule.samples(self._settings.step_s)
        state.began.clear()
        self._observation = self._environment.begin(self._episode_seed)
        yield self._enter(PLAY, message)
        yield self._transition(message, "", 0.0, "")

    def _step(self, message: Message) -> Iterator[Message]:
        """Take a step of the environment, and give the feedback that it calls for."""
        state = self.state
        action = state.decision
        self._observation, reward, end = self._environment.step(action)
        state.actions = (*state.actions, action)
        state.total += reward
        state.next_step += self._schedule.samples(self._settings.step_s)
        transition = self._transition(message, action, reward, end)
        yield transition
        soonest = self._stimuli.soonest
        if end:
            yield self._end_episode(message, end)
        feedback = "none" if self.block.condition == NO_FEEDBACK else self._judge(transition)
        if feedback == "predictable":
            yield from self._stimuli.predictable(message)
        if feedback == "unpredictable":
            settings, samples = self._settings, self._schedule.samples
            state.feedback_from, state.n_noise = soonest, 0
            state.until = soonest + samples(settings.unpredictable_s + settings.silence_s)
            state.is_training = False
            yield self._enter(FEEDBACK, message)
            yield from self._stimuli.noise(message)
        elif end and not (yield from self._train(message)):
            yield from self._next_episode(message)

    def _train(self, message: Message) -> Generator[Message, None, bool]:
        """Give the training stimulus that the coach chooses, and return whether it chose any."""
        state, coach, condition = self.state, self._coach, self.block.condition
        if coach is None or condition == NO_FEEDBACK:
            return False
        is_random = condition == RANDOM
        pair = coach.judge(state.total, state.trial, state.block, is_random=is_random)
        if pair is None:
            return False
        before = state.number
        yield from self._stimuli.training(message, coach.settings, pair)
        # A condition may withhold the train.
        coach.requested(state.number if state.number > before else -1)
        state.until = state.free + self._schedule.samples(coach.settings.rest_s)
        state.is_training = True
        yield self._enter(FEEDBACK, message)
        return True

    def _go_on(self, message: Message) -> Iterator[Message]:
        """Go on after feedback: with the episode, or with the next one."""
        state = self.state
        if not state.is_running:
            yield from self._next_episode(message)
            return
        state.next_step = state.at + self._schedule.samples(self._settings.step_s)
        yield self._enter(PLAY, message)

    def _end_episode(self, message: Message, outcome: str) -> GameState:
        state = self.state
        state.is_running = False
        state.score[outcome] = state.score.get(outcome, 0) + 1
        return self._enter(GamePhase.OUTCOME, message, outcome=outcome)

    def _transition(self, message: Message, action: str, reward: float, end: str) -> Transition:
        state = self.state
        return Transition(
            message.start, message.stop, state.trial, len(state.actions), action, reward,
            self._observation, end,
        )  # fmt: skip

    @property
    def _episode_seed(self) -> int:
        rng = np.random.default_rng([self._seed, self.state.trial])
        return int(rng.integers(2**31))

    def _play_again(self) -> None:
        """Bring the environment to where it was: the same seed, the same actions."""
        if not self.state.trial:
            return
        self._observation = self._environment.begin(self._episode_seed)
        for action in self.state.actions:
            self._observation, _, _ = self._environment.step(action)
