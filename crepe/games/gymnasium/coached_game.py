"""A game in an environment whose culture has a coach, after Robbins et al. 2026."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

from pydantic import model_validator

from crepe.conditions import ADAPTIVE, BLOCKED, NO_FEEDBACK, NONE, RANDOM, SILENT
from crepe.games.gymnasium.coach import CoachSettings
from crepe.games.gymnasium.game import GymGame
from crepe.games.gymnasium.stimuli import possible_trains, training_train
from crepe.games.section import Comparison, Section
from crepe.messages import GameState, Stimulus


class CoachedGame(GymGame):
    """`GymGame` with a coach: after an episode below the running mean, a pair of units is trained.

    The training stimulus is a train at two electrodes at once. Conditions of its own: `adaptive`
    (the coach learns which pair helps), `random` (any pair), `none` (the time passes without
    pulses); in every other one that has feedback the coach is the adaptive one. With the answers of
    the stimulator in `feedback`, the coach learns nothing from a train that was not delivered.

    Method: Robbins et al. 2026, Cell Reports, doi 10.1016/j.celrep.2026.116984, as its abstract
    and the patent application US 2026/0159807 describe it; the paper's settings were not read.
    """

    extra_conditions: ClassVar[tuple[str, ...]] = (ADAPTIVE, RANDOM, NONE, SILENT, NO_FEEDBACK)

    coach: CoachSettings
    """The table of the coach: its electrodes, how it learns, and its train."""

    @model_validator(mode="after")
    def _coach_fits(self) -> Self:
        if self.on_termination != "none" or self.punished_below is not None:
            raise ValueError(
                "coach: training is the feedback to an episode; on_termination and punished_below "
                "must be left out"
            )
        if twice := {ADAPTIVE, RANDOM, NONE, BLOCKED}.intersection(self.decisions):
            raise ValueError(
                f"decisions: {min(twice)!r} is a condition of the coach, choose another name"
            )
        if shared := set(self.coach.units).intersection(self.sites):
            raise ValueError(f"coach.units: {min(shared)} is a site of an encoder, too")
        return self

    @property
    def coach_settings(self) -> CoachSettings:
        return self.coach

    def possible_trains(self) -> Iterator[Stimulus]:
        yield from possible_trains(self)
        for pair in self.coach.pairs:
            yield training_train(self, self.coach, pair)

    @classmethod
    def report_section(
        cls, states: Sequence[GameState], seed: int, rate_hz: float
    ) -> Section | None:
        """Return the episodes of a session as a section of its report."""
        from crepe.games.gymnasium.results import section

        return section(states, seed, rate_hz, closed=ADAPTIVE)

    @classmethod
    def compare_conditions(cls, states: Sequence[GameState], seed: int) -> Comparison:
        """Return the adaptive coach against its controls."""
        from crepe.games.gymnasium.results import comparison

        return comparison(states, seed, closed=ADAPTIVE)
