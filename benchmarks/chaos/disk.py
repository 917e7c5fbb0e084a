"""A small disk for one stack, which a fault fills to its last page."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crepe.redis_server.login import ConnectionLostError
from crepe.redis_server.server import running_server
from crepe.store.connection import NotNowError, RedisConnection

SIZE = "1g"
_PAGE = 4096  # bytes that are left, to which others may write between a look and the next step
_BACK_S = 60.0


@contextmanager
def small_disk(directory: Path) -> Iterator[bool]:
    """Mount a small disk on a directory; yield whether that is possible: only root may."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(directory)]
    can = sys.platform == "linux" and os.getuid() == 0
    if not can or subprocess.run(command, check=False).returncode:
        print("no full disk is tried: only root may mount a small one", flush=True)
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(ballast: Path) -> None:
    """Write a file until a page of its disk is free."""
    with ballast.open("wb") as file:
        while (free := shutil.disk_usage(ballast.parent).free) > _PAGE:
            size = os.fstat(file.fileno()).st_size
            with suppress(OSError):  # there is less by now
                os.posix_fallocate(file.fileno(), size, free - _PAGE)


def is_appending(var: Path) -> bool:
    """Return, within a minute, whether Redis has an append-only file, without which it may not die.

    It is switched off while the disk is nearly full.
    """
    deadline = time.monotonic() + _BACK_S
    while time.monotonic() < deadline:
        if (server := running_server(var)) is not None:
            connection = RedisConnection(server["url"], "chaos")
            with suppress(ConnectionLostError, NotNowError):
                connection.connect()
                try:
                    persistence = bytes(connection.call("INFO", "persistence"))
                finally:
                    connection.disconnect()
                # A rewrite writes what was not appended; until it has ended there is no file.
                if b"aof_enabled:1" in persistence and b"aof_rewrite_in_progress:0" in persistence:
                    return True
        time.sleep(0.2)
    return False
