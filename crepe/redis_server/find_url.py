"""Which Redis server a client means when it names none."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crepe.environment import paths
from crepe.errors import StoreError

_POLL_S = 0.05


def _nothing() -> None:
    pass


def find_url(
    patience_s: float = 0.0, *, is_ours: bool = False, meanwhile: Callable[[], None] = _nothing
) -> str:
    """CREPE_REDIS, else the socket of the CREPE server that this user runs.

    A server in another directory counts only where CREPE_VAR names none, and not if it must be
    `is_ours`: a program waits for its own server, and never goes to that of another clone. Only a
    socket in a private run directory counts, so that a stranger's server on port 6379 is
    never taken for ours. `meanwhile` is called between two looks. Raises StoreError if after
    `patience_s` there is none, or more than one to choose from.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _find(is_ours=is_ours)
        except StoreError:
            if time.monotonic() >= deadline:
                raise
            meanwhile()
        time.sleep(_POLL_S)


def _find(*, is_ours: bool) -> str:
    chosen = os.environ.get("CREPE_REDIS")
    if chosen:
        return chosen
    here, *elsewhere = paths.searched(is_ours=is_ours)
    if url := _url(here):
        return url
    others = {var: url for var in elsewhere if (url := _url(var))}
    if len(others) == 1:
        return next(iter(others.values()))
    if others:
        names = ", ".join(map(str, others))
        raise StoreError(f"several CREPEs are running ({names}); choose one with CREPE_VAR")
    raise StoreError(
        f"no CREPE is running (looked in {here}); "
        "start one with `crepe up`, or name a server in CREPE_REDIS or in Store(url)"
    )


def server(var: Path) -> dict[str, Any] | None:
    """What the server of `var` wrote about itself: url, socket, port, pid; None if it is gone."""
    found = paths.read_json(paths.run_directory(var) / "redis.json") if var.is_dir() else None
    return found if found and _answers(str(found.get("socket", ""))) else None


def _url(var: Path) -> str | None:
    found = server(var)
    return str(found["url"]) if found else None


def _answers(path: str) -> bool:
    if not path or not hasattr(socket, "AF_UNIX"):
        return False
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.connect(path)
        return True
    except OSError:
        return False
