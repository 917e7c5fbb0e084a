"""Rock-Paper-Scissors, modified: the culture should beat the gesture that it was shown."""

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from crepe.errors import suggest
from crepe.games.trial_game import Game

BEATS: Mapping[str, str] = {"rock": "paper", "paper": "scissors", "scissors": "rock"}
"""The move that beats each gesture."""


class RockPaperScissors(Game):
    """The culture is shown a gesture, and the move that beats the decoded one is its answer.

    Outcomes as the culture sees them: won, drawn, lost, or none if nothing was readable. A readout
    that decodes every gesture correctly wins every trial.
    """

    @model_validator(mode="after")
    def _check_gestures(self) -> Self:
        for gesture in self.rates_hz:
            if gesture not in BEATS:
                raise ValueError(f"rates_hz: {gesture!r} is no gesture{suggest(gesture, BEATS)}")
        return self

    def observe(self, gesture: str, decoded: str | None) -> tuple[str | None, str]:
        answer = BEATS.get(decoded) if decoded is not None else None
        if answer is None:
            return None, "none"
        if answer == gesture:
            return answer, "drawn"
        return answer, "won" if answer == BEATS[gesture] else "lost"
