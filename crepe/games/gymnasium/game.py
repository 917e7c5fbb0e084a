"""A culture acts in an environment of Gymnasium, and is stimulated by what it observes."""

# Decision 100: why decoders are actors, and encoders are not.

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.commands import CONTROL
from crepe.conditions import NO_FEEDBACK, SILENT, STIMULATION, UNSTIMULATED
from crepe.errors import ConfigError, suggest
from crepe.games.decisions import check_decisions, decided
from crepe.games.gymnasium.coach import Coach, CoachSettings
from crepe.games.gymnasium.environment import Environment
from crepe.games.gymnasium.episodes import Episodes
from crepe.games.gymnasium.settings import Feedback, GymSettings
from crepe.games.gymnasium.stimuli import possible_trains
from crepe.games.section import Comparison, Section
from crepe.messages import (
    Command,
    Decision,
    Delivered,
    DeliveryState,
    GameState,
    Image,
    Message,
    Stimulus,
    StreamInfo,
    Transition,
)
from crepe.phases import GamePhase


class GymGame(
    GymSettings,
    Actor[Decision | Command | Delivered, GameState | Stimulus | Transition | Image | Command],
):
    """A game in any environment of Gymnasium: `env` names it.

    An encoder turns the observation into rates of single pulses; the newest decision is the action
    of the next step. Steps come every `step_s` of the sample clock. A step whose reward calls for
    it is followed by feedback: a predictable train on all sites, or noise (pulses at random sites
    and times) and then silence, while the environment stands still. Another rule is a class that
    overrides `feedback`.

    A trial is an episode. Its outcome is `terminated` or `truncated` as the environment ends it, or
    `cut` where the block ends first; `GameState.value` is its return, the sum of rewards. A
    `Transition` records every step. An episode's seed follows from the session's, so a restarted
    game begins the episode again and repeats its actions; that needs an environment that is
    deterministic for a seed. Conditions come in blocks by time (`crepe.conditions`).

    Commands on the stream `control` pause and start the game, and choose the condition; see
    `crepe.games.commands`. They take effect between episodes, and are
    published again with the sample index at which the game received them, for an exact replay.
    """

    is_sparse: ClassVar[bool] = True
    extra_conditions: ClassVar[tuple[str, ...]] = (SILENT, NO_FEEDBACK)

    _environment: Environment | None = PrivateAttr(None)
    _episodes: Episodes = PrivateAttr()
    _decides: str = PrivateAttr("")  # the stream of decisions where `decisions` names no other
    _outputs: tuple[str, ...] = PrivateAttr(())  # the streams that it writes

    def feedback(self, transition: Transition) -> Feedback:
        """Return the feedback to a step, by its reward and its end."""
        if self.rewarded_above is not None and transition.reward > self.rewarded_above:
            return "predictable"
        if self.punished_below is not None and transition.reward < self.punished_below:
            return "unpredictable"
        return self.on_termination if transition.end == "terminated" else "none"

    @property
    def coach_settings(self) -> CoachSettings | None:
        """The settings of a coach; this game has none."""
        return None

    def open(self, context: ActorContext) -> None:
        self._decides = next(iter(context.inputs))
        self._outputs = context.outputs
        check_decisions(self.decisions, context)
        self._environment = Environment(self, context.name)
        coach = None
        if self.coach_settings:
            past = context.snapshot["coach"] if context.snapshot else None
            coach = Coach(self.coach_settings, context.session_seed, past)
        self._episodes = Episodes(
            self,
            self._environment,
            judge=self.feedback,
            rate_hz=context.first.sampling_rate_hz,
            seed=context.session_seed,
            snapshot=context.snapshot,
            coach=coach,
        )

    def output_info(self, context: ActorContext) -> StreamInfo:
        assert self._environment is not None
        return replace(context.first, source=f"{self._environment.source}; {context.first.source}")

    def close(self) -> None:
        if self._environment is not None:
            self._environment.close()

    @property
    def is_over(self) -> bool:
        return self._episodes.state.phase == GamePhase.OVER

    def snapshot(self) -> Mapping[str, Any]:
        return self._episodes.snapshot()

    def possible_trains(self) -> Iterator[Stimulus]:
        return possible_trains(self)

    def accepted_decisions(self) -> tuple[str, ...]:
        return tuple(self.actions)

    def step_from(self, stream: str, message: Decision | Command | Delivered) -> Iterator[Message]:
        if isinstance(message, Delivered):
            is_lost = message.state not in (DeliveryState.INTENDED, DeliveryState.DELIVERED)
            if is_lost and message.stream in self._outputs:
                self._episodes.lose(message.number)
        elif stream == CONTROL:
            offered = (STIMULATION, *UNSTIMULATED, *self.extra_conditions, *self.decisions)
            yield from self._episodes.commands.obey(
                message,
                () if self.blocks else offered,
                self._episodes.report,
                reads_gestures=False,
            )
        elif stream == self.decisions.get(self._episodes.block.condition, self._decides):
            yield from self.step(message)

    def step(self, message: Decision | Command | Delivered) -> Iterator[Message]:
        assert isinstance(message, Decision)
        value = decided(message, self)
        if value is not None and value not in self.actions:
            raise ConfigError(
                f"GymGame: the decision of samples [{message.start}, {message.stop}) is {value!r}, "
                f"must be one of {', '.join(self.actions)}{suggest(value, self.actions)}"
            )
        yield from self._episodes.play(message, value)

    # Hooks, see crepe.games.hooks. The results need scipy, which is slow to import.

    @classmethod
    def outcome_line(cls, state: GameState) -> str:
        """Return a finished episode in one line."""
        n_steps = state.score.get("steps", 0)
        return f"episode {state.trial:3d}: {n_steps} steps, return {state.value:g}, {state.outcome}"

    @classmethod
    def report_section(
        cls, states: Sequence[GameState], seed: int, rate_hz: float
    ) -> Section | None:
        """Return the episodes of a session as a section of its report."""
        from crepe.games.gymnasium.results import section

        return section(states, seed, rate_hz)

    @classmethod
    def compare_conditions(cls, states: Sequence[GameState], seed: int) -> Comparison:
        """Return the closed loop against its controls."""
        from crepe.games.gymnasium.results import comparison

        return comparison(states, seed)
