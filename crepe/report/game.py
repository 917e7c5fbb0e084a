"""The game's own section of a report, found by the states that it writes."""

from collections.abc import Sequence
from typing import Any

from crepe.errors import ConfigError
from crepe.games import hooks
from crepe.games.section import Section
from crepe.messages import GameState
from crepe.report.numbers import Report
from crepe.report.session import Session
from crepe.results.streams import streams_of

_OF_GAMES = {"rallies"}
"""Fields of `Report` that games fill."""


def game_section(session: Session, ended: Sequence[GameState], rate_hz: float) -> Section | None:
    """Return what the session's game adds to the report; None if it adds nothing.

    Parameters
    ----------
    session
        Its experiment file names the class of the game.
    ended
        The states with phase "outcome", in order of time.
    rate_hz
        Sampling rate of the states' sample indices.

    Raises
    ------
    ConfigError
        The game's numbers have the name of a field that is the report's own.
    """
    states = {stream.name for stream in streams_of(GameState, session.store)}
    for actor in session.actors().values():
        if not states & _written(actor):
            continue
        kind = hooks.game_class(str(actor.get("run", "")))
        section = hooks.report_section(kind, ended, session.seed, rate_hz)
        if section is not None:
            _check(section)
            return section
    return None


def _written(actor: dict[str, Any]) -> set[str]:
    streams = actor.get("writes", [])
    return {streams} if isinstance(streams, str) else {str(stream) for stream in streams}


def _check(section: Section) -> None:
    own = set(Report.model_fields) - _OF_GAMES
    for name in section.numbers:
        if name in own:
            raise ConfigError(
                f"section {section.title!r}, numbers: {name!r} is a field of the report; "
                f"not allowed are {', '.join(sorted(own))}"
            )
