"""Stopping the DSP for certain, or saying what is not certain.

The stimulator, the watchdog and `crepe stop` all stop it by this one sequence of calls.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from crepe.errors import DeviceError
from crepe.hw.meame.http import Control, Unreachable
from crepe.hw.meame.registers import N_GROUPS, Function, Register

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
