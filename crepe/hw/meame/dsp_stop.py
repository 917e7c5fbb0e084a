"""The stop of the DSP, verified by its registers.

The stimulator, the watchdog and `crepe stop` all use this one sequence of calls.
"""

# Decision 16: the order of a stop.

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from crepe.errors import DeviceError
from crepe.hw.meame.connection import Unreachable
from crepe.hw.meame.http import Control
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
    """Disconnect the electrodes, then stop everything else; return all that is not verified.

    The first request writes the registers of the hardware, so it works while the firmware hangs:
    electrodes off, triggers off, patterns cleared. Then the firmware is instructed, too, or its
    next commit would restore them. The sequence continues after a call that fails. The registers
    decide at the end: a server may acknowledge what the DSP does not do, and not acknowledge what
    it does. `beat` is called before each call, which may take long.
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
        registers = [Register.SLAVE_INSTRUCTION_ID, *_ACTIVE, *_OFF]
        values = _read(control, registers, failed)
    except Unreachable as error:
        return [*failed, str(error)]  # no server; the caller tries again
    if not (before and values):
        # Never empty, which would mean verified: the read that failed has noted why.
        return failed
    doubts = _doubts(values[0] - before[0], dict(zip(registers, values, strict=True)))
    return [*doubts, *failed] if doubts else []


def _doubts(n_done: int, values: dict[int, int]) -> list[str]:
    """Return the registers that are not zero as they must be, and calls that were not done."""
    doubts = [
        f"{fault}: register {register:04X} reads {values[register]:#x}"
        for fault, registers in _MUST_BE_0
        for register in registers
        if values[register]
    ]
    # More are no fault: a program whose lock was broken may have called in between.
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
def _noted(failed: list[str], request: str) -> Iterator[None]:
    """Continue after a request that fails, unless no server answers."""
    try:
        yield
    except Unreachable:
        raise
    except DeviceError as error:
        failed.append(f"{request}: {error}")
