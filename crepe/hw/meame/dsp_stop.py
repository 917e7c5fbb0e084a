"""Stopping the DSP for certain, or saying what is not certain.

Everybody who stops it comes here: the stimulator, the watchdog, `crepe stop`. Their calls take
turns by a lock in the run directory; who must stop waits for it only for a moment.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crepe.errors import DeviceError
from crepe.hw.meame.http import Control, Unreachable
from crepe.hw.meame.registers import N_GROUPS, Function, Register

LOCK_FILE = "dsp.lock"
_POLL_S = 0.01
_ELECTRODES = [Register.HW_ENABLE + 4 * i for i in range(2)]
_SELECTS = [Register.HW_DAC_SELECT + 4 * i for i in range(4)]
_OFF = [*_ELECTRODES, Register.TRIGGER_CTRL, *_SELECTS]
_ACTIVE = [Register.STIM_REQ + 12 * group for group in range(N_GROUPS)]
_MUST_BE_0 = (
    ("electrodes still enabled", _ELECTRODES),
    ("triggers still enabled", [Register.TRIGGER_CTRL]),
    ("electrodes still on a DAC", _SELECTS),
    ("group still active", _ACTIVE),
)
_MEMORIES = [Register.MEMORY_CLEAR + 0x20 * memory for memory in range(2 * N_GROUPS)]
_SILENCED = [*_OFF, *_MEMORIES]
_CALLS: list[tuple[Function, dict[int, int]]] = [
    (Function.RESET, {}),
    (Function.COMMIT_CONFIG, {}),
    *((Function.DISABLE_GROUP, {int(Register.GROUP): group}) for group in range(N_GROUPS)),
    (Function.STOP_QUEUE, {}),
    (Function.WRITE_QUEUE_DEBUG, {}),
]


def stop_dsp(control: Control, beat: Callable[[], None] = lambda: None) -> list[str]:
    """Take the electrodes off, then stop all else; what could not be verified, nothing if all is.

    The first request writes the hardware's own registers, so it needs no firmware that answers:
    electrodes off, triggers off, patterns gone. Then the firmware is told, or its next commit
    would bring them back. A call that fails keeps none of the others from being made, and what
    counts is what the registers say at the end: a server may acknowledge what the DSP does not
    do, and not acknowledge what it does. `beat` is called before each call, which may take long.
    """
    failed: list[str] = []
    try:
        with _noted(failed, "writing registers"):
            control.write(_SILENCED, [0] * len(_SILENCED))
        before = _read(control, [Register.SLAVE_INSTRUCTION_ID], failed)
        for function, arguments in _CALLS:
            beat()
            with _noted(failed, function.name):
                control.call(function, list(arguments.items()))
        wanted = [Register.SLAVE_INSTRUCTION_ID, *_ACTIVE, *_OFF]
        found = _read(control, wanted, failed)
    except Unreachable as error:
        return [*failed, str(error)]  # nobody is there; who called tries again
    if not (before and found):
        return failed
    doubts = _doubts(found[0] - before[0], dict(zip(wanted, found, strict=True)))
    return [*doubts, *failed] if doubts else []


def _doubts(n_done: int, found: dict[int, int]) -> list[str]:
    doubts = [
        f"{what}: register {register:04X} reads {found[register]:#x}"
        for what, registers in _MUST_BE_0
        for register in registers
        if found[register]
    ]
    if n_done < len(_CALLS):
        doubts.append(
            f"register 1000: counts {n_done} of {len(_CALLS)} calls; the DSP has not done the rest"
        )
    return doubts


def _read(control: Control, registers: Sequence[int], failed: list[str]) -> list[int]:
    with _noted(failed, "reading registers"):
        return control.read(registers)
    return []


@contextmanager
def _noted(failed: list[str], what: str) -> Iterator[None]:
    """Go on after a request that fails, unless nobody is there."""
    try:
        yield
    except Unreachable:
        raise
    except DeviceError as error:
        failed.append(f"{what}: {error}")


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
