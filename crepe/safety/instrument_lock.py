"""The lock by which programs take turns at one instrument; a stop may break it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crepe.environment.bounded_call import call_within
from crepe.environment.file_lock import lock
from crepe.errors import DeviceError

LOCK_FILE = "instrument.lock"
_POLL_S = 0.01
_DISK_S = 0.2  # for a disk to answer at all


@contextmanager
def instrument_lock(
    run_directory: Path, wait_s: float, *, may_break: bool = False
) -> Iterator[None]:
    """Keep the calls of other processes to the instrument out of the block.

    Raises DeviceError if another process holds the lock for longer than `wait_s`. With `may_break`
    the block runs all the same: neither a hung holder nor a full or dead disk may prevent a stop.
    """
    path = run_directory / LOCK_FILE
    handle: int | None = None
    if may_break:
        with suppress(DeviceError, TimeoutError):
            handle = call_within(wait_s + _DISK_S, _locked, path, wait_s, discard=os.close)
    else:
        handle = _locked(path, wait_s)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _locked(path: Path, wait_s: float) -> int:
    """Return the descriptor of the file, open and locked. Raises DeviceError."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}") from error
    deadline = time.monotonic() + wait_s
    while True:
        try:
            # Polled, since the lock has no timeout. The kernel unlocks when a program dies.
            lock(handle)
            return handle
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                os.close(handle)
                raise DeviceError(
                    f"{path}: another program talks to the instrument for more than {wait_s:g} s"
                ) from error
        except OSError as error:
            os.close(handle)
            raise DeviceError(f"{path}: {error.strerror}") from error
        time.sleep(_POLL_S)
