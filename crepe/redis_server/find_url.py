"""The Redis server, and the culture on it, that a client uses when it names none."""

# Decision 69: whose streams a client finds.

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from crepe.environment import paths, session
from crepe.errors import StoreError
from crepe.redis_server.address import chosen_url
from crepe.redis_server.main_server import main_server

_POLL_S = 0.05


CULTURE = "crepe"
"""Default name of the culture: the first part of every key."""


class Place(NamedTuple):
    """The streams of a running experiment: a server, and the name of the culture on it."""

    url: str
    culture: str


def _nothing() -> None:
    pass


def find_place(patience_s: float = 0.0) -> Place:
    """Return where the running experiment has its streams; see `find_url`.

    Without an experiment the culture is `crepe`. Raises StoreError.
    """
    return _search(patience_s, is_ours=False, meanwhile=_nothing)


def find_url(
    patience_s: float = 0.0, *, is_ours: bool = False, meanwhile: Callable[[], None] = _nothing
) -> str:
    """Return CREPE_REDIS, else the URL of the CREPE server that this user runs.

    Only a socket in a private run directory counts, so that another user's server on port 6379 is
    never mistaken for ours.

    Parameters
    ----------
    patience_s
        How long to wait for a server.
    is_ours
        Ignore servers in other directories, as programs do: they must not use another clone's.
        Without it those are searched, too, where CREPE_VAR is not set.
    meanwhile
        Called before each new attempt.

    Raises
    ------
    StoreError
        After `patience_s` there is no server, or more than one to choose from.
    """
    return _search(patience_s, is_ours=is_ours, meanwhile=meanwhile).url


def _search(patience_s: float, *, is_ours: bool, meanwhile: Callable[[], None]) -> Place:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _find(is_ours=is_ours)
        except StoreError:
            if time.monotonic() >= deadline:
                raise
            meanwhile()
        time.sleep(_POLL_S)


def _find(*, is_ours: bool) -> Place:
    if chosen := chosen_url():
        last = session.current()
        return Place(chosen, last.culture if last else CULTURE)
    own, *elsewhere = paths.searched(is_ours=is_ours)
    if place := _place(own):
        return place
    others = {var: place for var in elsewhere if (place := _place(var))}
    if len(others) == 1:
        return next(iter(others.values()))
    if others:
        names = ", ".join(map(str, others))
        raise StoreError(f"several CREPEs are running ({names}); choose one with CREPE_VAR")
    raise StoreError(
        f"no CREPE is running (looked in {own}); "
        "start one with `crepe up`, or name a server in CREPE_REDIS or in Store(url)"
    )


def server(var: Path) -> dict[str, Any] | None:
    """Return the run file of the server of `var` (url, socket, culture); None if it is gone."""
    # A search must not create `var`, as run_directory does.
    content = paths.read_json(paths.run_directory(var) / "redis.json") if var.is_dir() else None
    return content if content and _answers(str(content.get("socket", ""))) else None


def _place(var: Path) -> Place | None:
    if content := server(var):
        return Place(str(content["url"]), str(content.get("culture", CULTURE)))
    if reached := main_server(var):
        return Place(reached.url, reached.culture)
    return None


def _answers(path: str) -> bool:
    if not path or not hasattr(socket, "AF_UNIX"):
        return False
    try:
        # Tried, since a killed server leaves its socket file behind.
        with socket.socket(socket.AF_UNIX) as trial:
            trial.connect(path)
        return True
    except OSError:
        return False
