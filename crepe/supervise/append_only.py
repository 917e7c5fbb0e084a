"""The append-only file of CREPE's own server leaves the reserve of the disk to the recorder."""

# Decision 58: what happens on a full disk.

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crepe.errors import StoreError
from crepe.redis_server.login import ConnectionLostError
from crepe.redis_server.server import running_server
from crepe.store.connection import NotNowError, RedisConnection

_ON_AGAIN = 2.0  # times the reserve, beside what a rewrite of the file takes


class AppendOnlyLimit:
    """A switch of the append-only file: off while less than the reserve is free.

    Without it the server would take all of the disk, and then refuse every write. The streams
    go on in memory.

    Parameters
    ----------
    reserve_bytes
        Free space below which nothing is appended.
    report
        Receives a line about each change.
    """

    def __init__(self, var: Path, reserve_bytes: float, report: Callable[[str], None]) -> None:
        self._var = var
        self._reserve_bytes = reserve_bytes
        self._report = report
        self._is_off_for: tuple[int, ...] = ()  # pid of the server that was switched off

    def look(self) -> None:
        """Switch the file off or on if it is time; does nothing for a server that others run."""
        free = shutil.disk_usage(self._var).free
        if free >= self._reserve_bytes and not self._is_off_for:
            return
        server = running_server(self._var)
        if server is None:
            return
        is_off = self._is_off_for == (int(server["pid"]),)
        try:
            if free < self._reserve_bytes and not is_off:
                self._switch_off(server, free)
            elif free >= self._reserve_bytes and self._is_off_for:
                self._switch_on(server, free, is_off=is_off)
        except (StoreError, ConnectionLostError, NotNowError) as error:
            self._report(f"append-only file: {error}")

    def _switch_off(self, server: dict[str, Any], free: int) -> None:
        if _call(server, "CONFIG", "GET", "appendonly")[1] == b"yes":
            _call(server, "CONFIG", "SET", "appendonly", "no")
            self._report(
                f"append-only file: off, {free / 1e6:.0f} MB free, "
                f"{self._reserve_bytes / 1e6:.0f} MB must stay; until it is on again, streams are "
                "lost if the Redis server ends"
            )
            self._is_off_for = (int(server["pid"]),)

    def _switch_on(self, server: dict[str, Any], free: int, *, is_off: bool) -> None:
        if is_off:  # a server that was restarted since has it on
            memory = str(_call(server, "INFO", "memory"), "ascii")
            used = int(memory.partition("used_memory:")[2].split()[0])
            if free < _ON_AGAIN * self._reserve_bytes + used:
                return
            _call(server, "CONFIG", "SET", "appendonly", "yes")
        self._report("append-only file: on again")
        self._is_off_for = ()


def _call(server: dict[str, Any], *command: str) -> Any:
    connection = RedisConnection(server["url"], "append-only-limit")
    connection.connect()
    try:
        return connection.call(*command)
    finally:
        connection.disconnect()
