"""A game of trials: its gestures, and whether and under which conditions it can be played."""

from collections.abc import Mapping
from typing import Any

from crepe.commands import INPUT
from crepe.conditions import SHAM, STIMULATION
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import View
from crepe.results.decoders import decided_by


class TrialGameView(View[None, None]):
    """The state of a game's buttons; its trials are among the session's events."""

    name = "trial_game"
    messages = ("GameState",)
    options = None
    cursor = None

    def about(self, session: SessionView) -> Mapping[str, Any]:
        game = _game(session)
        rates = game.get("rates_hz", {})
        return {
            "can_be_played": can_be_played(session),
            "gestures": sorted(rates) if isinstance(rates, dict) else [],
            "conditions": _conditions(game),
            "decided_by": _decided_by(session, game),
        }


def can_be_played(session: SessionView) -> bool:
    """Return whether the game reads gestures and no plan of blocks excludes a player."""
    game = _game(session)
    return INPUT in (game.get("reads") or []) and not game.get("blocks")


def _game(session: SessionView) -> Mapping[str, Any]:
    """Return the experiment's table of the actor that writes game states, or an empty one."""
    states = session.streams_of("GameState")
    return next(
        (table for table in session.actors() if set(table.get("writes") or []) & set(states)), {}
    )


def _decided_by(session: SessionView, game: Mapping[str, Any]) -> str:
    """Return what the answers follow from that the game reads first; empty if not known."""
    reads = game.get("reads") or [""]
    tables = [t for t in session.actors() if reads[0] in (t.get("writes") or [])]
    return next(iter(decided_by({str(k): t for k, t in enumerate(tables)}).values()), "")


def _conditions(game: Mapping[str, Any]) -> list[str]:
    """Return the conditions that an operator may choose; none where a plan of blocks decides."""
    if not game or game.get("blocks"):
        return []
    return [STIMULATION, SHAM, *game.get("decisions", {})]
