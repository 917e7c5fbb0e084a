"""What the hooks of a game of trials return, checked; an error names the hook's own line."""

from collections.abc import Callable, Collection

import numpy as np

from crepe.environment.source_place import place_of_code
from crepe.errors import ActorError, suggest

_Observe = Callable[[str, str | None], tuple[str | None, str]]


def checked_move(
    move: Callable[[np.random.Generator], str], rng: np.random.Generator, allowed: Collection[str]
) -> str:
    """Return the gesture that `move` chooses. Raises ActorError if it is not an allowed one."""
    gesture = move(rng)
    if gesture not in allowed:
        near = suggest(gesture, allowed) if isinstance(gesture, str) else ""
        names = ", ".join(map(repr, allowed))
        raise ActorError(f"{_place(move)}: returned {gesture!r}, must be one of {names}{near}")
    return gesture


def checked_outcome(observe: _Observe, gesture: str, decoded: str | None) -> tuple[str | None, str]:
    """Return answer and outcome by `observe`. Raises ActorError for anything but these two."""
    result = observe(gesture, decoded)
    match result:
        case (str() | None, str()):
            return result
    raise ActorError(
        f"{_place(observe)}: returned {result!r}, must be two values: the answer (text or None) "
        "and the name of the outcome (text)"
    )


def _place(hook: Callable[..., object]) -> str:
    return f"{hook.__qualname__} ({place_of_code(hook)})"
