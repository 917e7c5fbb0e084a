"""Setting the DSP up for a train, each register that decides over a pulse written and read back.

Nothing is left as another client may have set it: a train is finite because its patterns have no
loop, and because triggers repeat nothing and reach their own memories only.
"""

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
_EVERYWHERE = wire.bitmap(label for label in MCS_60_LABELS if label != MCS_REFERENCE)


def compiled(stimulus: Stimulus) -> tuple[list[int], list[int]]:
    """The pattern words of a train, for the DAC and the sideband. Raises ValueError."""
    return wire.compile_train(stimulus.phases, stimulus.unit, stimulus.rate_hz, stimulus.n_pulses)


def lasts_s(stimulus: Stimulus) -> float:
    """How long a train plays, the protection of the amplifiers after its last pulse included."""
    dac, sideband = (sum(map(wire.ticks, words)) for words in compiled(stimulus))
    return max(dac, sideband) / wire.TICKS_PER_S


class SetUp(NamedTuple):
    """What was found to be so when electrodes were set up; good for other trains on them."""

    electrodes: tuple[str, ...]
    unit: str
    registers: Mapping[int, Sequence[int]]  # words from an address on


def set_up(
    control: Control, stimulus: Stimulus, last_error: int, go_on: Callable[[], None]
) -> SetUp:
    """Waveform, electrodes and modes, in the order that the firmware needs.

    Raises DeviceError if a register does not read back as it must.

    Parameters
    ----------
    last_error
        What the DSP's error register, which is never cleared, said before.
    go_on
        Called before each instruction; raises DeviceError where there must be no more.
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
    call(Function.CONFIGURE_GROUP, {Register.GROUP: GROUP, **_words(Register.ELEC0, electrodes)})
    auto = wire.pairs(indices if is_lab else range(wire.N_CHANNELS), wire.MODE_AUTO)
    if is_lab:
        call(Function.SET_MODE, _words(Register.MODE_ARG, auto))
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
        Register.SHOTS_FIRED: (n_fired,),
        Register.ERROR_FLAG: (last_error,),
        **{Register.STIM_REQ + 12 * group: (0,) for group in range(N_GROUPS)},
    }
    _verify(control, {**registers, Register.CFG_DEBUG: (*electrodes, *auto, *selects)})
    return SetUp(stimulus.electrodes, stimulus.unit, registers)


def connect(control: Control, stimulus: Stimulus, known: SetUp) -> None:
    """Set up once more what a stop took off, the electrodes last, by what the firmware wrote then.

    Without a call, for each of which MEAME may wait 100 ms. Raises DeviceError if a register does
    not read back as it must.
    """
    again: dict[int, Sequence[int]] = {first: known.registers[first] for first in _AGAIN}
    _write(control, again, stimulus)
    enable = _words(Register.HW_ENABLE, known.registers[Register.HW_ENABLE])
    control.write(list(enable), list(enable.values()))
    _verify(control, known.registers)


def _write(control: Control, hardware: Mapping[int, Sequence[int]], stimulus: Stimulus) -> None:
    """Registers, and the patterns of a train."""
    written = [pair for first, words in hardware.items() for pair in _words(first, words).items()]
    for memory, words in enumerate(compiled(stimulus), 2 * GROUP):
        written.append((Register.MEMORY_CLEAR + 0x20 * memory, 0))
        written += [(Register.MEMORY_APPEND + 4 * memory, word) for word in words]
    control.write([address for address, _ in written], [value for _, value in written])


def has_blanking(control: Control, go_on: Callable[[], None] = lambda: None) -> bool:
    """Protect all amplifiers during pulses; whether the firmware can, as the lab's of 2019 can.

    The public one of 2018 acknowledges these functions, does nothing, and has one mode for all.
    """
    registers = [
        *_words(Register.HW_BLANKING, _EVERYWHERE),
        *_words(Register.HW_BLANK_PROT, _EVERYWHERE),
    ]
    if control.read(registers) == [*_EVERYWHERE, *_EVERYWHERE]:
        return True
    for function, first in (
        (Function.SET_BLANKING, Register.BLANKING_EN),
        (Function.SET_BLANKING_PROTECTION, Register.BLANK_PROT_EN),
    ):
        go_on()
        control.call(function, list(_words(first, _EVERYWHERE).items()))
    return any(control.read(registers))


def _verify(control: Control, expected: Mapping[int, Sequence[int]]) -> None:
    wanted = [pair for first, words in expected.items() for pair in _words(first, words).items()]
    found = control.read([address for address, _ in wanted])
    for (address, value), word in zip(wanted, found, strict=True):
        if word != value:
            raise DeviceError(
                f"DSP register {address:04X}: reads {word:#x}, must be {value:#x}; "
                "the set-up is not what was sent"
            )


def _words(first: int, words: Sequence[int]) -> dict[int, int]:
    return {first + 4 * i: word for i, word in enumerate(words)}
