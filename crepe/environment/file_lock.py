"""Locks of open files between processes, which the kernel ends with their process."""

import errno
from importlib.util import find_spec

HAS_LOCKS = find_spec("fcntl") is not None
"""Whether this system has them; Windows has not, so nothing is recorded or stimulated there."""


def lock(descriptor: int, *, is_shared: bool = False) -> None:
    """Lock an open file, without waiting.

    Raises BlockingIOError if another process has it locked, and OSError where there are no locks.
    """
    if not HAS_LOCKS:
        raise OSError(errno.ENOLCK, "this system has no file locks; use Linux, macOS or WSL")
    import fcntl

    fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
