"""Optional hooks of a game: what it adds to scoreboard, report and study.

A game is any actor that writes `GameState`. It is found by that message, and its class by the
experiment file. Its class may have the hooks below; without one the default applies. The hooks
return text and the values of `crepe.games.section`.

`outcome_line(state)`, class method
    One line about a finished trial, for `crepe play`.
`report_section(states, seed, rate_hz)`, class method
    A `Section` of the session's report, from the states with phase "outcome"; None for none.
`compare_conditions(states, seed)`, class method
    A `Comparison` of the conditions of `crepe experiment`. A game that has it needs no readout.
`extra_conditions`, value
    The names of conditions that it offers beside those of every game (`crepe.conditions`).
`trial_s`, property
    The longest duration of a trial. Without it the blocks of a study need a `block_s`.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from crepe.actors.actor import Actor
from crepe.games.section import Comparison, Section
from crepe.messages import GameState

GROUP = "crepe.games"
"""Entry points of distributions with games, whose sections `crepe report` shows."""

_FORMER = {"crepe.actors.pong:Pong": "crepe.games.pong.game:Pong"}
"""Import paths in recordings of earlier versions, and where those classes are now."""


def game_class(path: str) -> type[Actor[Any, Any]] | None:
    """Return the class that a recorded experiment names as its game; None if it must not load.

    A recording may come from anywhere, so the path in it loads no code but CREPE's own games and
    those that an installed distribution announces as entry points of the group `crepe.games`. A
    module that is imported already counts, too.
    """
    path = _FORMER.get(path, path)
    module_name, _, class_name = path.partition(":")
    is_announced = module_name.startswith("crepe.games.") or any(
        point.value == path for point in entry_points(group=GROUP)
    )
    try:
        module = import_module(module_name) if is_announced else sys.modules.get(module_name)
    except ImportError:
        return None
    kind = getattr(module, class_name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Actor) else None


def outcome_line(kind: type | None, state: GameState) -> str:
    """Return one line about a finished trial, in the words of its game if it has some."""
    hook: Callable[[GameState], str] | None = getattr(kind, "outcome_line", None)
    if hook is not None:
        return hook(state)
    return (
        f"trial {state.trial:3d}: shown {state.gesture or 'nothing'}, "
        f"answered {state.answer or 'nothing'}: {state.outcome}"
    )


def report_section(
    kind: type | None, states: Sequence[GameState], seed: int, rate_hz: float
) -> Section | None:
    """Return a game's section of the report.

    Parameters
    ----------
    kind
        The game's class.
    states
        Those with phase "outcome", in order of time.
    seed
        Of the session; resampling follows from it.
    rate_hz
        Sampling rate of the states' sample indices.
    """
    hook: Callable[..., Section | None] | None = getattr(kind, "report_section", None)
    return hook(states, seed, rate_hz) if hook is not None else None


def compares_conditions(kind: type) -> bool:
    """Whether a game evaluates a study itself, so that no readout is trained."""
    return hasattr(kind, "compare_conditions")


def compare_conditions(kind: type, states: Sequence[GameState], seed: int) -> Comparison:
    """Return a game's comparison of the conditions, from the states with phase "outcome"."""
    hook: Callable[[Sequence[GameState], int], Comparison] = kind.compare_conditions  # type: ignore[attr-defined]  # an optional hook
    return hook(states, seed)


def extra_conditions(kind: type) -> tuple[str, ...]:
    """Return the conditions that a game offers beside those of every game."""
    names: tuple[str, ...] = getattr(kind, "extra_conditions", ())
    return names


def trial_s(game: Actor[Any, Any]) -> float | None:
    """Return the longest duration of a trial; None for a game whose trials have no bound."""
    duration_s: float | None = getattr(game, "trial_s", None)
    return duration_s
