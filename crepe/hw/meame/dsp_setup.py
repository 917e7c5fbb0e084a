"""The set-up of the DSP for a train: each register that affects a pulse is written and read back.

Nothing stays as another client may have set it. A train is finite because its patterns have no
loop, and because triggers repeat nothing and reach only their own memories.
"""

# Decision 17: what is verified before each train.

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE
from crepe.errors import DeviceError
from crepe.hw.meame import wire
from crepe.hw.meame.http import Control
from crepe.hw.meame.registers import N_GROUPS, OWN_TRIGGERS, Function, Register
from crepe.messages import Stimulus

GROUP = 0  # one train runs at a time, so one group is enough
_DAC_BITS = 0x3F00  # of register 9100: the six DACs, 1 voltage, 0 current
_AGAIN = (
    Register.DAC_MODE,
    Register.TRIGGER_CTRL,
    Register.TRIGGER_REPEATS,
    Register.DAC_TRIGGER,
    Register.SIDEBAND_TRIGGER,
    Register.HW_MODE,
    Register.HW_DAC_SELECT,
)
_CONNECTED = (Register.HW_ENABLE, Register.HW_DAC_SELECT)  # verified first, as the worst
_REPORTED = (Register.SHOTS_FIRED, Register.ERROR_FLAG)  # after a train, as doubts
_EVERYWHERE = wire.bitmap(label for label in MCS_60_LABELS if label != MCS_REFERENCE)


def compiled(stimulus: Stimulus) -> tuple[list[int], list[int]]:
    """Return the pattern words of a train, for the DAC and the sideband. Raises ValueError."""
    return wire.compile_train(stimulus.phases, stimulus.unit, stimulus.rate_hz, stimulus.n_pulses)


def lasts_s(stimulus: Stimulus) -> float:
    """Return how long a train plays, with the protection of amplifiers after its last pulse."""
    dac, sideband = (sum(map(wire.ticks, pattern)) for pattern in compiled(stimulus))
    return max(dac, sideband) / wire.TICKS_PER_S


class SetUp(NamedTuple):
    """The registers as verified when electrodes were set up; valid for other trains on them."""

    electrodes: tuple[str, ...]
    unit: str
    registers: Mapping[int, Sequence[int]]  # words from an address on


def set_up(
    control: Control, stimulus: Stimulus, last_error: int, go_on: Callable[[], None]
) -> SetUp:
    """Write waveform, electrodes and modes, in the order that the firmware needs.

    Raises DeviceError if a register does not read back as it must.

    Parameters
    ----------
    last_error
        Earlier value of the error register, which is never cleared.
    go_on
        Called before each instruction; raises DeviceError if the set-up must end.
    """

    def call(function: Function, arguments: dict[int, int] | None = None) -> None:
        go_on()
        control.call(function, list((arguments or {}).items()))

    call(Function.STOP_QUEUE)
    call(Function.RESET)
    modes, n_fired = control.read([Register.DAC_MODE, Register.SHOTS_FIRED])
    modes = modes & ~_DAC_BITS | (_DAC_BITS if stimulus.unit == "uV" else 0)
    hardware: dict[int, Sequence[int]] = {
        Register.DAC_MODE: (modes,),
        Register.TRIGGER_CTRL: (1,),
        Register.TRIGGER_REPEATS: (1,) * N_GROUPS,
        Register.DAC_TRIGGER: (OWN_TRIGGERS,),
        Register.SIDEBAND_TRIGGER: (OWN_TRIGGERS,),
    }
    _write(control, hardware, stimulus)
    is_lab = has_blanking(control, go_on)
    electrodes = wire.bitmap(stimulus.electrodes)
    indices = wire.from_bitmap(electrodes)
    call(
        Function.CONFIGURE_GROUP, {Register.GROUP: GROUP, **_by_address(Register.ELEC0, electrodes)}
    )
    auto = wire.pairs(indices if is_lab else range(wire.N_CHANNELS), wire.MODE_AUTO)
    if is_lab:
        call(Function.SET_MODE, _by_address(Register.MODE_ARG, auto))
    else:
        call(Function.MODE_AUTO)
    call(Function.COMMIT_CONFIG)
    call(Function.COMMIT_DEBUG)
    call(Function.WRITE_QUEUE_DEBUG)
    selects = wire.pairs(indices, GROUP + 1)
    blanking = _EVERYWHERE if is_lab else (0, 0)
    registers = {
        **hardware,
        Register.HW_MODE: auto,
        Register.HW_DAC_SELECT: selects,
        Register.HW_ENABLE: electrodes,
        Register.HW_BLANKING: blanking,
        Register.HW_BLANK_PROT: blanking,
        # Only the queue counts shots, and it must stay stopped.
        Register.SHOTS_FIRED: (n_fired,),
        Register.ERROR_FLAG: (last_error,),
        **{Register.STIM_REQ + 12 * group: (0,) for group in range(N_GROUPS)},
    }
    # CFG_DEBUG is what the firmware has staged. `connect`, which does not call the firmware,
    # verifies only the rest.
    _verify(control, {**registers, Register.CFG_DEBUG: (*electrodes, *auto, *selects)})
    return SetUp(stimulus.electrodes, stimulus.unit, registers)


def connect(control: Control, stimulus: Stimulus, before: SetUp) -> None:
    """Restore the registers that a stop has cleared, the electrodes last.

    It writes what the firmware wrote before, without a call: MEAME may wait 100 ms for each call.
    Raises DeviceError if a register does not read back as it must.
    """
    again: dict[int, Sequence[int]] = {first: before.registers[first] for first in _AGAIN}
    _write(control, again, stimulus)
    # Until this last write no electrode receives anything, whatever the other registers do.
    enable = _by_address(Register.HW_ENABLE, before.registers[Register.HW_ENABLE])
    control.write(list(enable), list(enable.values()))
    _verify(control, before.registers)


def verify_connection(control: Control, before: SetUp) -> None:
    """Read back, by one request, electrodes, sources, modes and triggers of a set-up.

    Another client of the instrument may have changed them since. Raises DeviceError if a register
    does not read as it was set up. Patterns cannot be read back.
    """
    others = [first for first in before.registers if first not in (*_CONNECTED, *_REPORTED)]
    _verify(control, {first: before.registers[first] for first in (*_CONNECTED, *others)})


def _write(control: Control, hardware: Mapping[int, Sequence[int]], stimulus: Stimulus) -> None:
    """Write registers, and the patterns of a train."""
    written = [
        pair for first, values in hardware.items() for pair in _by_address(first, values).items()
    ]
    for memory, pattern in enumerate(compiled(stimulus), 2 * GROUP):
        written.append((Register.MEMORY_CLEAR + 0x20 * memory, 0))
        written += [(Register.MEMORY_APPEND + 4 * memory, word) for word in pattern]
    control.write([address for address, _ in written], [value for _, value in written])


def has_blanking(control: Control, go_on: Callable[[], None] = lambda: None) -> bool:
    """Protect all amplifiers during pulses; return whether the firmware can do that.

    The lab's firmware of 2019 can. The public one of 2018 acknowledges these functions, does
    nothing, and has one mode for all electrodes.
    """
    registers = [
        *_by_address(Register.HW_BLANKING, _EVERYWHERE),
        *_by_address(Register.HW_BLANK_PROT, _EVERYWHERE),
    ]
    # Often set by an earlier train; calls are spared, since MEAME may wait 100 ms for each.
    if control.read(registers) == [*_EVERYWHERE, *_EVERYWHERE]:
        return True
    for function, first in (
        (Function.SET_BLANKING, Register.BLANKING_EN),
        (Function.SET_BLANKING_PROTECTION, Register.BLANK_PROT_EN),
    ):
        go_on()
        control.call(function, list(_by_address(first, _EVERYWHERE).items()))
    return any(control.read(registers))


def _verify(control: Control, expected: Mapping[int, Sequence[int]]) -> None:
    """Raise DeviceError for the first register that does not read as expected."""
    pairs = [
        pair for first, values in expected.items() for pair in _by_address(first, values).items()
    ]
    values = control.read([address for address, _ in pairs])
    for (address, value), word in zip(pairs, values, strict=True):
        if word != value:
            raise DeviceError(
                f"DSP register {address:04X}: reads {word:#x}, must be {value:#x}; "
                "the set-up is not what was sent"
            )


def _by_address(first: int, values: Sequence[int]) -> dict[int, int]:
    """Return consecutive registers from `first` on, by address."""
    return {first + 4 * i: value for i, value in enumerate(values)}
