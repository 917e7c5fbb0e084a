"""Stopping the DSP for certain, or saying what is not certain.

Everybody who stops it comes here: the stimulator, the watchdog, `crepe stop`. Their calls take
turns by a lock in the run directory; who must stop waits for it only for a moment.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crepe.errors import DeviceError
from crepe.hw.meame_http import Control
from crepe.hw.meame_registers import N_GROUPS, Function, Register

LOCK_FILE = "dsp.lock"
_POLL_S = 0.01
_STOPPING = (Function.STOP_QUEUE, Function.RESET, Function.COMMIT_CONFIG)


def stop_dsp(control: Control) -> list[str]:
    """Disable, stop, reset, commit; returns what could not be verified, nothing if all is well.

    A call that fails does not keep the others from being made. Without the commit electrodes
    would stay connected to the DAC. A server may acknowledge what it does not do, so
    the registers are read back, and the DSP's count of instructions must have gone on.
    """
    doubts: list[str] = []
    n_acknowledged = 0
    before = _read(control, [Register.SLAVE_INSTRUCTION_ID], doubts)
    calls = [(Function.DISABLE_GROUP, [(Register.GROUP, group)]) for group in range(N_GROUPS)]
    calls += [(function, []) for function in _STOPPING]
    calls += [(Function.WRITE_QUEUE_DEBUG, []), (Function.COMMIT_DEBUG, [])]
    for function, arguments in calls:
        try:
            control.call(function, arguments)
            n_acknowledged += 1
        except DeviceError as error:
            doubts.append(f"{function.name}: {error}")
            if n_acknowledged == 0 and len(doubts) > 1:
                return doubts  # nobody is there; who called tries again
    enabled = [Register.HW_ENABLE, Register.HW_ENABLE + 4]
    active = [Register.STIM_REQ + 12 * group for group in range(N_GROUPS)]
    found = _read(control, [*enabled, *active, Register.SLAVE_INSTRUCTION_ID], doubts)
    if before and found:
        if any(found[:2]):
            doubts.append(f"electrodes still enabled: registers 9158, 915C are {found[:2]}")
        if any(found[2:5]):
            doubts.append(f"groups still active: {found[2:5]}")
        if found[5] - before[0] < n_acknowledged:
            doubts.append(
                f"register 1000: counts {found[5] - before[0]} of {n_acknowledged} calls; the "
                "server acknowledges what the DSP does not do"
            )
    return doubts


def _read(control: Control, addresses: list[int], doubts: list[str]) -> list[int]:
    try:
        return control.read(addresses)
    except DeviceError as error:
        doubts.append(f"reading back: {error}")
        return []


@contextmanager
def dsp_lock(run_directory: Path, wait_s: float, *, may_break: bool = False) -> Iterator[None]:
    """Keep the calls of other processes to the DSP out of the block.

    Raises DeviceError if another has it for longer than `wait_s`, unless it `may_break`: then the
    block runs all the same, for neither a holder that hangs nor a full disk must keep anybody from
    stopping.
    """
    handle: int | None = None
    try:
        handle = _locked(run_directory / LOCK_FILE, wait_s)
    except DeviceError:
        if not may_break:
            raise
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _locked(path: Path, wait_s: float) -> int:
    """The file, open and locked. Raises DeviceError."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}") from error
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                os.close(handle)
                raise DeviceError(
                    f"{path}: another program talks to the DSP for more than {wait_s:g} s"
                ) from error
        time.sleep(_POLL_S)
