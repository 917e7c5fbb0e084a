"""Pong: a culture moves a paddle, and is stimulated by the ball's position and by its outcome."""

# Decision 26: why no trial game.

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.commands import CONTROL, INPUT
from crepe.conditions import NO_FEEDBACK, OPEN_LOOP, SILENT, STIMULATION, UNSTIMULATED
from crepe.games.commands import player_of
from crepe.games.decisions import check_decisions, decided
from crepe.games.pong.match import Match
from crepe.games.pong.settings import PongSettings
from crepe.games.pong.state import Phase
from crepe.games.pong.stimuli import possible_trains
from crepe.games.section import Comparison, Section
from crepe.messages import Command, Court, Decision, GameState, Message, Stimulus


class Pong(PongSettings, Actor[Decision | Command, GameState | Stimulus | Court | Command]):
    """Pong in the manner of DishBrain (Kagan et al. 2022, Neuron 110:3952).

    The paddle moves with every decision "up" or "down". The ball's position along the paddle's
    wall selects the stimulated site, its distance the rate of single pulses. After a hit follows
    a short train on all sites; after a miss noise (pulses at random sites and times), then
    silence, then the next serve.

    A rally lasts from a serve to a miss; its length is the number of hits. Every rally ends with
    a state of phase "outcome": "miss", or "cut" where the block ends first. Every hit is a state,
    too. Conditions come in blocks by time (`crepe.conditions`).

    In an open loop balls and feedback are those of the last closed loop, since a rally follows
    from its serve and the number of its hits. The paddle still moves, and its hits are counted up
    to its first miss, but never more balls than there were in the replayed rally.

    Commands on the stream `control` pause and start the game, and choose the condition and the
    player that serves; see `crepe.games.commands`. They take effect between rallies, and are
    published again with the sample index at which the game received them, for an exact replay. The
    session goes on during a pause.

    The actor sorts what it reads; `Match` has the rules, `PongPlanner` the stimuli, and
    `crepe.games.pong.results` what a report and a study show.
    """

    is_sparse: ClassVar[bool] = True
    extra_conditions: ClassVar[tuple[str, ...]] = (SILENT, NO_FEEDBACK, OPEN_LOOP)

    _match: Match = PrivateAttr()
    _reads_gestures: bool = PrivateAttr(False)
    _decides: str = PrivateAttr("")  # the stream of decisions where `decisions` names no other

    def open(self, start: ActorContext) -> None:
        self._decides = next(iter(start.inputs))
        self._reads_gestures = INPUT in start.outside
        check_decisions(self.decisions, start)
        self._match = Match(self, start.first.sampling_rate_hz, start.session_seed, start.snapshot)

    @property
    def is_over(self) -> bool:
        return self._match.state.phase == Phase.OVER

    def snapshot(self) -> Mapping[str, Any]:
        return self._match.snapshot()

    def possible_trains(self) -> Iterator[Stimulus]:
        return possible_trains(self)

    def accepted_decisions(self) -> tuple[str, ...]:
        return "up", "down"

    def step_from(self, stream: str, message: Decision | Command) -> Iterator[Message]:
        decides = self.decisions.get(self._match.block.condition, self._decides)
        if stream == CONTROL:
            offered = (STIMULATION, *UNSTIMULATED, SILENT, NO_FEEDBACK, *self.decisions)
            yield from self._match.commands.obey(
                message,
                () if self.blocks else offered,
                self._match.report,
                reads_gestures=self._reads_gestures,
            )
        elif stream == decides or isinstance(message, Command):
            yield from self.step(message)

    def step(self, message: Decision | Command) -> Iterator[Message]:
        if isinstance(message, Command):
            yield from self._take_gesture(message)
        else:
            decided(message, self)  # raises for a number, which would move no paddle
            yield from self._match.play(message)

    def _take_gesture(self, command: Command) -> Iterator[Message]:
        """Publish a command again, stamped with its sample index; a gesture is a serve."""
        yield command
        match = self._match
        if command.name != "gesture" or match.state.phase != Phase.WAITING:
            return
        if player_of(command.sender) == match.player:
            yield from match.serve(command, command.sender)
            return
        reason = f"a serve by {command.sender or 'nobody'}, the player is {match.player!r}"
        fields = {"outcome": reason, "gesture": command.value, "shown_by": command.sender}
        yield match.report(command, "refused", **fields)

    # Hooks, see crepe.games.hooks. The results need scipy, which is slow to import.

    @classmethod
    def outcome_line(cls, state: GameState) -> str:
        """Return a finished rally in one line."""
        return f"rally {state.trial:3d}: {state.score.get('rally', 0)} hits, then {state.outcome}"

    @classmethod
    def report_section(
        cls, states: Sequence[GameState], seed: int, rate_hz: float
    ) -> Section | None:
        """Return the rallies of a session as a section of its report."""
        from crepe.games.pong.results import section

        return section(states, seed, rate_hz)

    @classmethod
    def compare_conditions(cls, states: Sequence[GameState], seed: int) -> Comparison:
        """Return the closed loop against its controls."""
        from crepe.games.pong.results import comparison

        return comparison(states, seed)
