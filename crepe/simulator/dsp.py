"""The simulated DSP: a register file, a mailbox, and the queue that fires stimulation groups.

As the public firmware of 2018 does it, with the functions of the lab's firmware of 2019: odd as it
is, late starts that stay silent included, since clients must cope with it.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from crepe.hw.meame_wire import (
    MV_PER_DIGIT,
    N_GROUPS,
    SIDEBAND_BLANK,
    SIDEBAND_STIMULATE,
    TICK_US,
    UA_PER_DIGIT,
    ZERO_DIGIT,
    Function,
    Register,
    from_bitmap,
    from_pairs,
    play,
)

ERROR_ZERO_PERIOD, ERROR_NO_GROUP = 3, 4
_N_MEMORIES = 8
_ALL_VOLTAGE = 0x3F00
_WORD = 0xFFFFFFFF


class Shot(NamedTuple):
    """One firing of a group: what leaves the DAC, and where it goes."""

    tick: int  # of the step counter's clock, from the start of the simulation
    electrodes: tuple[int, ...]  # channel indices that are connected to it
    phases: tuple[tuple[float, float], ...]  # (current in uA, width in us)
    blanked: tuple[int, ...]  # channel indices whose amplifiers are protected
    blanked_us: float  # for how long


@dataclass
class _Group:
    is_active: bool = False
    period: int = 0
    next: int = 0


class Dsp:
    """Registers in, shots out; time is what `advance` says."""

    def __init__(self, impedance_kohm: float) -> None:
        self._impedance_kohm = impedance_kohm
        self._registers: defaultdict[int, int] = defaultdict(int)
        self._registers[Register.DAC_MODE] = _ALL_VOLTAGE
        self._memories: list[list[int]] = [[] for _ in range(_N_MEMORIES)]
        self._groups = [_Group() for _ in range(N_GROUPS)]
        self._is_running = False
        self._step = 0  # ticks while the queue was running
        self._now = 0  # ticks since the start
        self._reset()

    def _reset(self) -> None:
        self._enable = [0, 0]
        self._mode = [0, 0, 0, 0]
        self._dac_select = [0, 0, 0, 0]

    # Registers

    def read(self, address: int) -> int:
        return self._registers[address]

    def write(self, address: int, value: int) -> None:
        """Write a word; the mailbox executes, and pattern memories take words in."""
        clear, append, restart = (
            (address - base, step)
            for base, step in (
                (Register.MEMORY_CLEAR, 0x20),
                (Register.MEMORY_APPEND, 4),
                (Register.MEMORY_RESTART, 4),
            )
        )
        if (m := _memory(*clear)) is not None:
            self._memories[m].clear()
        elif (m := _memory(*append)) is not None:
            self._memories[m].append(value)
        elif (m := _memory(*restart)) is not None:
            self._memories[m][:] = [value]
        else:
            self._registers[address] = value & _WORD
            if address == Register.MASTER_INSTRUCTION_ID:
                self._serve()

    def _serve(self) -> None:
        """The firmware's main loop: execute once for each number the master is ahead."""
        slave = Register.SLAVE_INSTRUCTION_ID
        ahead = self._registers[Register.MASTER_INSTRUCTION_ID] - self._registers[slave]
        for _ in range(min(max(ahead, 0), 1000)):
            self._execute(self._registers[Register.INSTRUCTION_TYPE])
            self._registers[slave] += 1

    def _words(self, first: int, n: int) -> list[int]:
        return [self._registers[first + 4 * i] for i in range(n)]

    def _put(self, first: int, words: list[int]) -> None:
        for i, word in enumerate(words):
            self._registers[first + 4 * i] = word & _WORD

    # Functions; codes that are not known are acknowledged without an effect

    def _execute(self, code: int) -> None:
        match code:
            case Function.RESET:
                self._reset()
            case Function.CONFIGURE_GROUP:
                self._configure()
            case Function.SET_MODE:
                self._mode = self._words(Register.MODE_ARG, 4)
            case Function.COMMIT_CONFIG:
                self._put(Register.HW_MODE, self._mode)
                self._put(Register.HW_DAC_SELECT, self._dac_select)
                self._put(Register.HW_ENABLE, [word & 0x3FFFFFFF for word in self._enable])
            case Function.START_QUEUE:
                self._is_running = True
            case Function.STOP_QUEUE:
                self._is_running = False
            case Function.SET_PERIOD:
                self._set_period()
            case Function.ENABLE_GROUP | Function.DISABLE_GROUP:
                if (group := self._group()) is not None:
                    group.is_active = code == Function.ENABLE_GROUP
            case Function.COMMIT_DEBUG:
                self._put(Register.CFG_DEBUG, [*self._enable, *self._mode, *self._dac_select])
            case Function.WRITE_QUEUE_DEBUG:
                words = [w for g in self._groups for w in (int(g.is_active), g.period, g.next)]
                self._put(Register.STIM_REQ, words)
            case Function.SET_BLANKING:
                self._put(Register.HW_BLANKING, self._words(Register.BLANKING_EN, 2))
            case Function.SET_BLANKING_PROTECTION:
                self._put(Register.HW_BLANK_PROT, self._words(Register.BLANK_PROT_EN, 2))

    def _group(self) -> _Group | None:
        number = self._registers[Register.GROUP]
        if number < N_GROUPS:
            return self._groups[number]
        self._registers[Register.ERROR_FLAG] = ERROR_NO_GROUP
        return None

    def _configure(self) -> None:
        number = self._registers[Register.GROUP]
        words = self._words(Register.ELEC0, 2)
        for index in from_bitmap(words):
            place = 2 * (index % 15)
            select = self._dac_select[index // 15] & ~(3 << place)
            self._dac_select[index // 15] = select | (number + 1 & 3) << place
        self._enable = [
            old | new & 0x3FFFFFFF for old, new in zip(self._enable, words, strict=True)
        ]

    def _set_period(self) -> None:
        """The only thing that makes a group due again after its time has passed."""
        group = self._group()
        if group is None:
            return
        period = self._registers[Register.PERIOD]
        group.next += period - group.period
        if group.next <= self._step:
            group.next = self._step + 1
        group.period = period

    # Time

    def advance(self, n_ticks: int) -> list[Shot]:
        """Let `n_ticks` of 20 us pass; returns what was fired, in order."""
        began, self._now = self._now, self._now + n_ticks
        if not self._is_running:
            return []
        first, self._step = self._step, self._step + n_ticks
        shots: list[Shot] = []
        for number, group in enumerate(self._groups):
            while group.is_active and first <= group.next < self._step:
                if group.period == 0:
                    self._registers[Register.ERROR_FLAG] = ERROR_ZERO_PERIOD
                    break
                shots.append(self._shot(number, began + group.next - first))
                group.next += group.period
        counted = n_ticks - (_multiples(self._step) - _multiples(first))
        self._put(Register.STEP_COUNTER, [self._registers[Register.STEP_COUNTER] + counted])
        self._registers[Register.SHOTS_FIRED] += len(shots)
        return sorted(shots)

    def _shot(self, number: int, tick: int) -> Shot:
        codes = from_pairs(self._words(Register.HW_DAC_SELECT, 4))
        enabled = from_bitmap(self._words(Register.HW_ENABLE, 2))
        sideband = play(self._memories[2 * number + 1])
        switched = sum(
            t for value, t in sideband if value & SIDEBAND_STIMULATE == SIDEBAND_STIMULATE
        )
        blanked = sum(t for value, t in sideband if value & SIDEBAND_BLANK)
        is_voltage = self._registers[Register.DAC_MODE] >> 8 + 2 * number & 1
        per_digit_ua = MV_PER_DIGIT / self._impedance_kohm if is_voltage else UA_PER_DIGIT
        modes = from_pairs(self._words(Register.HW_MODE, 4))
        return Shot(
            tick,
            tuple(i for i in enabled if codes[i] == number + 1 and (switched or modes[i] == 0)),
            tuple(
                ((value - ZERO_DIGIT) * per_digit_ua, ticks * TICK_US)
                for value, ticks in play(self._memories[2 * number])
            ),
            from_bitmap(self._words(Register.HW_BLANKING, 2)),
            blanked * TICK_US,
        )


def _memory(offset: int, step: int) -> int | None:
    return offset // step if offset % step == 0 and 0 <= offset // step < _N_MEMORIES else None


def _multiples(step: int) -> int:
    """How many of the ticks before `step` the firmware's counter leaves out (each 4096th)."""
    return -(-step // 4096)
