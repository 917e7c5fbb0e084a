"""Decisions as games receive them: from which stream, and of which type."""

from collections.abc import Mapping
from typing import Any

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import ConfigError, suggest
from crepe.messages import Decision


def check_decisions(decisions: Mapping[str, str], context: ActorContext) -> None:
    """Raise ConfigError if a condition is decided by a stream that the game does not read."""
    for condition, stream in decisions.items():
        if stream not in context.inputs:
            near = suggest(stream, context.inputs)
            raise ConfigError(
                f"{context.name} decisions.{condition}: does not read {stream!r}{near}"
            )


def decided(decision: Decision, game: Actor[Any, Any]) -> str | None:
    """Return the value of a decision. Raises ConfigError for a number: no game acts on one."""
    value = decision.value
    if value is None or isinstance(value, str):
        return value
    accepted = ", ".join(map(repr, game.accepted_decisions() or ())) or "text"
    raise ConfigError(
        f"{type(game).__name__}: the decision of samples [{decision.start}, {decision.stop}) is "
        f"{value!r}, must be {accepted} or None"
    )
