"""The simulated DSP: its registers, its mailbox, and the firmware behind them.

Two firmwares: the public one of 2018, and the one of the lab in 2019, whose functions are inferred
from its clients. The pulses at the electrodes follow from the registers and nothing else.

Not modelled, since public sources do not describe it: the content of the eight words of error
information (1050 to 106C), of which only the number is kept, assumed to be one for each error; the
log (1100 to 1FF0); the sideband (9154) and memory (91D0, 91D4) of each DAC; segments (9200). These
registers keep what is written, without an effect.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from crepe.culture.contract import Shot
from crepe.hw.meame.registers import N_GROUPS, OWN_TRIGGERS, Function, Register
from crepe.hw.meame.wire import (
    MODE_AUTO,
    MV_PER_DIGIT,
    N_CHANNELS,
    SIDEBAND_BLANK,
    SIDEBAND_STIMULATE,
    UA_PER_DIGIT,
    ZERO_DIGIT,
    from_bitmap,
    from_pairs,
    pairs,
)
from crepe.simulator.meame.delivered_pulses import Received, Tally
from crepe.simulator.meame.patterns import Playing
from crepe.simulator.meame.settings import Firmware
from crepe.simulator.meame.stim_queue import StimQueue

_N_MEMORIES = 8
_ERROR_WORDS, _ERROR_OVERFLOW = 8, 5
_ALL_VOLTAGE = 0x3F00
_WORD = 0xFFFFFFFF
_MOST_AT_ONCE = 1000  # instructions executed at once if the master is far ahead


class Dsp:
    """Registers in, pulses out; time advances by `run_until` only."""

    def __init__(self, impedance_kohm: float, firmware: Firmware = Firmware.LAB) -> None:
        self._impedance_kohm = impedance_kohm
        self._firmware = firmware
        self.now = 0  # ticks of 20 us since the power was turned on
        self._record = Received()
        self._playing: dict[int, Playing] = {}
        self.boot()

    def boot(self) -> None:
        """Start the firmware anew; patterns that play are cut."""
        for playing in self._playing.values():
            self._record.keep(playing.cut())
        self._playing.clear()
        self._registers: defaultdict[int, int] = defaultdict(int)
        self._registers[Register.DAC_MODE] = _ALL_VOLTAGE
        for first in (Register.DAC_TRIGGER, Register.SIDEBAND_TRIGGER):
            self._registers[first] = OWN_TRIGGERS
        for group in range(N_GROUPS):
            self._registers[Register.TRIGGER_REPEATS + 4 * group] = 1
        self._memories: list[list[int]] = [[] for _ in range(_N_MEMORIES)]
        self._queue = StimQueue()
        self._n_done = 0
        self._reset()

    def _reset(self) -> None:
        self._enable = [0, 0]
        self._mode: tuple[int, ...] = (0, 0, 0, 0)
        self._dac_select = [0, 0, 0, 0]

    # Registers

    def read(self, address: int) -> int:
        return self._registers[address]

    def write(self, address: int, value: int) -> None:
        """Write a word, which may execute an instruction or extend a pattern memory."""
        for base, step in (
            (Register.MEMORY_CLEAR, 0x20),
            (Register.MEMORY_APPEND, 4),
            (Register.MEMORY_RESTART, 4),
        ):
            number, rest = divmod(address - base, step)
            if rest == 0 and 0 <= number < _N_MEMORIES:
                memory = self._memories[number]
                if base != Register.MEMORY_APPEND:
                    memory.clear()
                    if playing := self._playing.get(number // 2):
                        playing.clear(number % 2)
                if base != Register.MEMORY_CLEAR:
                    memory.append(value)
                return
        self._registers[address] = value & _WORD
        if address == Register.MASTER_INSTRUCTION_ID:
            self._serve()
        elif address == Register.MANUAL_TRIGGER and self._registers[Register.TRIGGER_CTRL] & 1:
            for trigger in range(N_GROUPS):
                if value >> trigger & 1:
                    self._trigger(trigger, self.now)

    def _serve(self) -> None:
        """The firmware's main loop: execute once for each number the master is ahead."""
        ahead = self._registers[Register.MASTER_INSTRUCTION_ID] - self._n_done
        for _ in range(min(max(ahead, 0), _MOST_AT_ONCE)):
            self._execute(self._registers[Register.INSTRUCTION_TYPE])
            self._n_done += 1
        self._put(Register.SLAVE_INSTRUCTION_ID, [self._n_done])
        self._write_status()

    def _write_status(self) -> None:
        """Write the status registers for the host; an error stays until power-off."""
        if n := self._queue.n_errors:
            is_full = n > _ERROR_WORDS
            self._put(Register.ERROR_FLAG, [_ERROR_OVERFLOW if is_full else self._queue.error])
            self._put(Register.ERROR_ENTRIES, [min(n, _ERROR_WORDS)])
        self._put(Register.STEP_COUNTER, [self._queue.n_counted])

    def _read_words(self, first: int, n: int) -> tuple[int, ...]:
        return tuple(self._registers[first + 4 * i] for i in range(n))

    def _put(self, first: int, values: Sequence[int]) -> None:
        for i, value in enumerate(values):
            self._registers[first + 4 * i] = value & _WORD

    # Functions; unknown codes are acknowledged without an effect

    def _execute(self, code: int) -> None:
        queue, is_lab = self._queue, self._firmware is Firmware.LAB
        number = self._registers[Register.GROUP]
        match code:
            case Function.RESET:
                self._reset()
            case Function.CONFIGURE_GROUP:
                self._configure(number)
            case Function.SET_MODE:
                self._mode = self._read_words(Register.MODE_ARG, 4) if is_lab else (0, 0, 0, 0)
            case Function.MODE_AUTO if not is_lab:  # the lab's firmware checks its health
                self._mode = pairs(range(N_CHANNELS), MODE_AUTO)
            case Function.COMMIT_CONFIG:
                self._put(Register.HW_MODE, self._mode)
                self._put(Register.HW_DAC_SELECT, self._dac_select)
                self._put(Register.HW_ENABLE, [word & 0x3FFFFFFF for word in self._enable])
            case Function.START_QUEUE:
                queue.is_running = True
            case Function.STOP_QUEUE:
                queue.is_running = False
            case Function.SET_PERIOD:
                queue.set_period(number, self._registers[Register.PERIOD])
            case Function.ENABLE_GROUP | Function.DISABLE_GROUP:
                if (group := queue.group(number)) is not None:
                    group.is_active = code == Function.ENABLE_GROUP
            case Function.COMMIT_DEBUG:
                self._put(Register.CFG_DEBUG, [*self._enable, *self._mode, *self._dac_select])
            case Function.WRITE_QUEUE_DEBUG:
                status = [w for g in queue.groups for w in (int(g.is_active), g.period, g.next)]
                self._put(Register.STIM_REQ, status)
            case Function.SET_BLANKING if is_lab:
                self._put(Register.HW_BLANKING, self._read_words(Register.BLANKING_EN, 2))
            case Function.SET_BLANKING_PROTECTION if is_lab:
                self._put(Register.HW_BLANK_PROT, self._read_words(Register.BLANK_PROT_EN, 2))

    def _configure(self, number: int) -> None:
        """Stage electrodes for a group.

        A group that does not exist spills into the codes of others; for group 3 on electrode 0 the
        word was measured to be 0x10.
        """
        masks = self._read_words(Register.ELEC0, 2)
        for index in from_bitmap(masks):
            word, place = index // 15, 2 * (index % 15)
            if number < N_GROUPS:
                self._dac_select[word] &= ~(3 << place)
                self._dac_select[word] |= number + 1 << place
            else:
                self._dac_select[word] = (self._dac_select[word] | number + 1 << place + 2) & _WORD
        self._enable = [
            old | new & 0x3FFFFFFF for old, new in zip(self._enable, masks, strict=True)
        ]

    # Time

    def advance(self, n_ticks: int) -> list[Shot]:
        """Let `n_ticks` of 20 us pass; return the pulses that ended in them."""
        self.run_until(self.now + n_ticks)
        return [shot for shot in self.take() if shot.phases]

    def run_until(self, tick: int) -> None:
        """Let time pass up to `tick`; a tick in the past changes nothing."""
        if tick <= self.now:
            return
        began, self.now = self.now, tick
        if self._queue.is_running:
            for after, trigger in self._queue.run(tick - began):
                self._play(began + after)
                self._trigger(trigger, began + after)
                self._registers[Register.SHOTS_FIRED] += 1
            self._write_status()
        if self._playing:
            self._play(tick)

    def take(self) -> list[Shot]:
        """Return the pulses that ended since the last call, in order."""
        return self._record.take()

    @property
    def shots(self) -> Sequence[Shot]:
        """The latest pulses that reached an electrode and are over."""
        return self._record.shots

    def pulses(self, after: int) -> list[Shot]:
        """Return the pulses that began at tick `after` or later, in order.

        A pulse under way is returned as far as it has come. A client that continues from the last
        answer's `now` receives each pulse once.
        """
        return sorted(shot for shot in (*self.shots, *self._under_way()) if shot.tick >= after)

    def received(self) -> Tally:
        """Return by channel index: number of pulses, first and last tick with a current."""
        return self._record.tally(self._under_way())

    def _under_way(self) -> Iterator[Shot]:
        for playing in self._playing.values():
            yield from playing.under_way()

    @property
    def held(self) -> tuple[int, ...]:
        """Channels that record no signal: enabled, and permanently connected to their DAC."""
        if not (self._registers[Register.HW_ENABLE] or self._registers[Register.HW_ENABLE + 4]):
            return ()  # asked every millisecond
        enable = self._read_words(Register.HW_ENABLE, 2)
        modes = from_pairs(self._read_words(Register.HW_MODE, 4))
        return tuple(i for i in from_bitmap(enable) if modes[i] == 0)

    # Patterns

    def _trigger(self, trigger: int, tick: int) -> None:
        """Play the memories of a trigger from their beginning."""
        for pair in range(N_GROUPS):
            dac, sideband = (
                self._memories[2 * pair + i]
                if self._registers[first] >> 8 * pair & 3 == trigger
                else []
                for i, first in enumerate((Register.DAC_TRIGGER, Register.SIDEBAND_TRIGGER))
            )
            if dac or sideband:
                if before := self._playing.pop(pair, None):
                    self._record.keep(before.cut())
                self._playing[pair] = Playing(
                    tick,
                    tuple(dac),
                    tuple(sideband),
                    partial(self._reach, pair),
                    partial(self._current_ua, pair),
                    n_times=self._registers[Register.TRIGGER_REPEATS + 4 * trigger],
                )

    def _play(self, until: int) -> None:
        for pair, playing in list(self._playing.items()):
            self._record.keep(playing.play(until))
            if playing.is_over:
                del self._playing[pair]

    def _reach(self, pair: int, sideband: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the channels that receive a DAC pair's output, and the protected ones."""
        codes = from_pairs(self._read_words(Register.HW_DAC_SELECT, 4))
        modes = from_pairs(self._read_words(Register.HW_MODE, 4))
        is_closed = sideband & SIDEBAND_STIMULATE == SIDEBAND_STIMULATE
        enabled = from_bitmap(self._read_words(Register.HW_ENABLE, 2))
        reached = (i for i in enabled if codes[i] == pair + 1 and (is_closed or modes[i] == 0))
        blanked = self._read_words(Register.HW_BLANKING, 2) if sideband & SIDEBAND_BLANK else (0, 0)
        return tuple(reached), from_bitmap(blanked)

    def _current_ua(self, pair: int, value: int) -> float:
        is_voltage = self._registers[Register.DAC_MODE] >> 8 + 2 * pair & 1
        per_digit_ua = MV_PER_DIGIT / self._impedance_kohm if is_voltage else UA_PER_DIGIT
        return (value - ZERO_DIGIT) * per_digit_ua
