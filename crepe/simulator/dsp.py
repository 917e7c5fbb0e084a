"""The simulated DSP: a register file, a mailbox, and the queue that fires stimulation groups.

As the public firmware of 2018 does it, with the functions of the lab's firmware of 2019: odd as it
is, late starts that stay silent included, since clients must cope with it.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
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
_PULSE_GAP = 50  # ticks; zeros for longer than a millisecond part one pulse from the next
_KEPT_SHOTS = 100_000


class Shot(NamedTuple):
    """One pulse: what leaves the DAC, and where it goes."""

    tick: int  # of the step counter's clock, from the start of the simulation
    electrodes: tuple[int, ...]  # channel indices that are connected to it
    phases: tuple[tuple[float, float], ...]  # (current in uA, width in us)
    blanked: tuple[int, ...]  # channel indices whose amplifiers are protected
    blanked_us: float  # for how long


class _Pulse(NamedTuple):
    """One pulse of a pattern that is played."""

    at: int  # ticks after the trigger
    wave: tuple[tuple[int, int], ...]  # (DAC value, ticks)


@dataclass
class _Playing:
    """A pattern on its way out of a memory pair."""

    began: int  # tick of the trigger
    pulses: deque[_Pulse]
    sideband: Sequence[tuple[int, int]]  # (value, ticks)


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
        self._playing: dict[int, _Playing] = {}
        self._is_running = False
        self._step = 0  # ticks while the queue was running
        self.now = 0  # ticks since the start
        self._fresh: list[Shot] = []
        self.shots: deque[Shot] = deque(maxlen=_KEPT_SHOTS)  # that reached an electrode
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
            elif address == Register.MANUAL_TRIGGER and self._registers[Register.TRIGGER_CTRL] & 1:
                for group in range(N_GROUPS):
                    if value >> group & 1:
                        self._trigger(group, self.now)

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
        """Let `n_ticks` of 20 us pass; returns the pulses that began in them, in order."""
        self.run_until(self.now + n_ticks)
        return self.take(self.now)

    def run_until(self, tick: int) -> None:
        """Let time pass up to `tick`; a tick that is past already changes nothing."""
        if tick <= self.now:
            return
        began, self.now = self.now, tick
        made: list[Shot] = []
        for fired, number in self._run_queue(began) if self._is_running else ():
            made += self._play(number, fired)
            self._trigger(number, fired)
        for number in list(self._playing):
            made += self._play(number, tick)
        self._fresh += sorted(made)
        self.shots += (shot for shot in made if shot.electrodes)

    def take(self, until: int) -> list[Shot]:
        """The pulses before tick `until` that nobody has taken yet."""
        taken = [shot for shot in self._fresh if shot.tick < until]
        self._fresh = self._fresh[len(taken) :]
        return taken

    def _run_queue(self, began: int) -> list[tuple[int, int]]:
        """The ticks at which the queue fires a group, in order."""
        first, self._step = self._step, self._step + self.now - began
        fired = []
        for number, group in enumerate(self._groups):
            while group.is_active and first <= group.next < self._step:
                if group.period == 0:
                    self._registers[Register.ERROR_FLAG] = ERROR_ZERO_PERIOD
                    break
                fired.append((began + group.next - first, number))
                group.next += group.period
        counted = self._step - first - (_multiples(self._step) - _multiples(first))
        self._put(Register.STEP_COUNTER, [self._registers[Register.STEP_COUNTER] + counted])
        self._registers[Register.SHOTS_FIRED] += len(fired)
        return sorted(fired)

    # Patterns

    def _trigger(self, number: int, tick: int) -> None:
        """Play a group's memories from their beginning; what they still played is cut off."""
        pulses = deque(_pulses(play(self._memories[2 * number])))
        sideband = play(self._memories[2 * number + 1])
        if pulses:
            self._playing[number] = _Playing(tick, pulses, sideband)

    def _play(self, number: int, until: int) -> Iterator[Shot]:
        """The pulses of a pattern before tick `until`, as the registers stand now."""
        playing = self._playing.get(number)
        while playing and playing.pulses and playing.began + playing.pulses[0].at < until:
            yield self._shot(number, playing, playing.pulses.popleft())
        if playing and not playing.pulses:
            del self._playing[number]

    def _shot(self, number: int, playing: _Playing, pulse: _Pulse) -> Shot:
        codes = from_pairs(self._words(Register.HW_DAC_SELECT, 4))
        enabled = from_bitmap(self._words(Register.HW_ENABLE, 2))
        switched, blanked = _sideband_from(playing.sideband, pulse.at)
        is_voltage = self._registers[Register.DAC_MODE] >> 8 + 2 * number & 1
        per_digit_ua = MV_PER_DIGIT / self._impedance_kohm if is_voltage else UA_PER_DIGIT
        modes = from_pairs(self._words(Register.HW_MODE, 4))
        return Shot(
            playing.began + pulse.at,
            tuple(i for i in enabled if codes[i] == number + 1 and (switched or modes[i] == 0)),
            tuple(
                ((value - ZERO_DIGIT) * per_digit_ua, ticks * TICK_US)
                for value, ticks in pulse.wave
            ),
            from_bitmap(self._words(Register.HW_BLANKING, 2)),
            blanked * TICK_US,
        )


def _pulses(pattern: Sequence[tuple[int, int]]) -> list[_Pulse]:
    """A pattern's pulses: what is not zero, with the short zeros in between."""
    found: list[_Pulse] = []
    at = gap = 0
    for value, ticks in pattern:
        if value == ZERO_DIGIT:
            gap += ticks
        elif found and gap <= _PULSE_GAP:
            pause = ((ZERO_DIGIT, gap),) if gap else ()
            found[-1] = _Pulse(found[-1].at, (*found[-1].wave, *pause, (value, ticks)))
            gap = 0
        else:
            found.append(_Pulse(at, ((value, ticks),)))
            gap = 0
        at += ticks
    return found


def _sideband_from(sideband: Sequence[tuple[int, int]], since: int) -> tuple[int, int]:
    """For how many ticks from `since` on the switch is closed, and the amplifier protected."""
    at = switched = blanked = 0
    is_closed = True
    for value, ticks in sideband:
        at += ticks
        if at <= since:
            continue
        if not value & SIDEBAND_BLANK:
            break
        here = at - max(since, at - ticks)
        is_closed = is_closed and value & SIDEBAND_STIMULATE == SIDEBAND_STIMULATE
        switched += here if is_closed else 0
        blanked += here
    return switched, blanked


def _memory(offset: int, step: int) -> int | None:
    return offset // step if offset % step == 0 and 0 <= offset // step < _N_MEMORIES else None


def _multiples(step: int) -> int:
    """How many of the ticks before `step` the firmware's counter leaves out (each 4096th)."""
    return -(-step // 4096)
