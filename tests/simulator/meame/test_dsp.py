"""The simulated DSP, odd as the firmware is."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from crepe.hw.meame import wire
from crepe.hw.meame.registers import Function, Register
from crepe.simulator.meame.dsp import Dsp
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.patterns import unroll
from crepe.simulator.meame.settings import Firmware, SimulatorSettings
from crepe.simulator.meame.stim_queue import StimQueue

MS = 50  # ticks
BOTTOM_ROW = ("48", "38", "28", "78", "68", "58")


class Bench:
    """The host's side: calls as a client makes them."""

    def __init__(self):
        self.meame = SimulatedMeame(SimulatorSettings())
        self.dsp = self.meame.dsp

    def call(self, function, **registers):
        values = [(Register[name], value) for name, value in registers.items()]
        assert self.meame.call(function, values)

    def read(self, first, n):
        return [self.dsp.read(first + 4 * i) for i in range(n)]

    def set_up(self, period=5000, labels=BOTTOM_ROW):
        elec0, elec1 = wire.bitmap(labels)
        self.dsp.write(Register.DAC_MODE, 0)
        for memory, pattern in enumerate(
            wire.compile_train([(-10.0, 200.0), (10.0, 200.0)], "uA", 20.0, 1)
        ):
            self.dsp.write(Register.MEMORY_CLEAR + 0x20 * memory, 0)
            for word in pattern:
                self.dsp.write(Register.MEMORY_APPEND + 4 * memory, word)
        self.call(Function.CONFIGURE_GROUP, GROUP=0, ELEC0=elec0, ELEC1=elec1)
        modes = wire.pairs(wire.from_bitmap((elec0, elec1)), wire.MODE_AUTO)
        self.call_words(Function.SET_MODE, Register.MODE_ARG, modes)
        self.call(Function.COMMIT_CONFIG)
        self.call(Function.START_QUEUE)
        self.call(Function.SET_PERIOD, GROUP=0, PERIOD=period)

    def call_words(self, function, first, pattern):
        assert self.meame.call(function, [(first + 4 * i, w) for i, w in enumerate(pattern)])

    def shots(self, ms):
        return self.dsp.advance(ms * MS)


@pytest.fixture
def bench():
    return Bench()


def test_a_call_is_acknowledged_by_the_next_number(bench):
    for number in (1, 2, 3):
        bench.call(Function.RESET)
        assert bench.read(Register.SLAVE_INSTRUCTION_ID, 2) == [number, number]


def test_an_unknown_function_is_acknowledged(bench):
    bench.call(99)
    assert bench.dsp.read(Register.ERROR_FLAG) == 0


def test_a_master_that_is_ahead_by_three_has_the_function_executed_three_times(bench):
    bench.dsp.write(Register.PERIOD, 700)
    bench.dsp.write(Register.INSTRUCTION_TYPE, Function.SET_PERIOD)
    bench.dsp.write(Register.MASTER_INSTRUCTION_ID, 3)
    assert bench.dsp.read(Register.SLAVE_INSTRUCTION_ID) == 3


def test_arguments_stay_in_the_mailbox(bench):
    bench.set_up(period=5000)
    bench.call(Function.SET_PERIOD)
    bench.call(Function.WRITE_QUEUE_DEBUG)
    assert bench.read(Register.STIM_REQ, 2) == [0, 5000]


def test_set_up_and_start_within_the_period_fires_at_the_period(bench):
    bench.set_up()
    bench.shots(50)
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    ticks = [shot.tick for shot in bench.shots(1000)]
    assert len(ticks) == 10
    assert {b - a for a, b in pairwise(ticks)} == {5000}
    assert bench.dsp.read(Register.SHOTS_FIRED) == 10


def test_a_late_start_stays_silent_until_the_period_is_set_again(bench):
    bench.set_up()
    bench.shots(150)
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert bench.shots(10_000) == []
    bench.call(Function.SET_PERIOD, PERIOD=5000)  # the same value
    assert len(bench.shots(1000)) == 10


def test_a_group_that_was_disabled_for_long_needs_its_period_again(bench):
    bench.set_up()
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    bench.shots(300)
    bench.call(Function.DISABLE_GROUP, GROUP=0)
    assert bench.shots(1000) == []
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert bench.shots(1000) == []


def test_a_stopped_queue_freezes_and_goes_on_where_it_was(bench):
    bench.set_up()
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert len(bench.shots(450)) == 4
    bench.call(Function.STOP_QUEUE)
    assert bench.shots(1000) == []
    bench.call(Function.START_QUEUE)
    assert bench.shots(49) == []
    assert len(bench.shots(2)) == 1


def test_reset_clears_what_is_staged_and_does_not_stop_the_queue(bench):
    bench.set_up()
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    bench.call(Function.RESET)
    assert [len(shot.electrodes) for shot in bench.shots(201)] == [6, 6]


def test_stop_reset_commit_takes_the_electrodes_off_the_dac(bench):
    bench.set_up()
    bench.call(Function.STOP_QUEUE)
    bench.call(Function.RESET)
    assert any(bench.read(Register.HW_ENABLE, 2))
    bench.call(Function.COMMIT_CONFIG)
    assert bench.read(Register.HW_ENABLE, 2) == [0, 0]
    assert bench.read(Register.HW_DAC_SELECT, 4) == [0, 0, 0, 0]


def test_a_period_of_zero_is_an_error_and_kills_the_group_until_the_next_period(bench):
    bench.set_up()
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    bench.shots(250)
    bench.call(Function.SET_PERIOD, PERIOD=0)
    assert bench.shots(1000) == []
    assert bench.dsp.read(Register.ERROR_FLAG) == 3
    bench.call(Function.SET_PERIOD, PERIOD=5000)
    assert len(bench.shots(1000)) == 10


def test_alternating_periods_fire_at_each_change(bench):
    bench.set_up()
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    fired = 0
    for i in range(100):
        bench.call(Function.SET_PERIOD, PERIOD=5000 if i % 2 else 1250)
        fired += len(bench.shots(10))
    assert 30 <= fired <= 36  # measured on the firmware: 33


def test_a_group_that_does_not_exist_is_an_error_that_stays(bench):
    bench.call(Function.SET_PERIOD, GROUP=3, PERIOD=100)
    bench.call(Function.RESET)
    assert bench.dsp.read(Register.ERROR_FLAG) == 4


def test_errors_are_counted_and_the_ninth_is_an_overflow(bench):
    for n in range(1, 11):
        bench.call(Function.SET_PERIOD, GROUP=3, PERIOD=100)
        assert bench.dsp.read(Register.ERROR_ENTRIES) == min(n, 8)
        assert bench.dsp.read(Register.ERROR_FLAG) == (4 if n <= 8 else 5)


def test_the_step_counter_leaves_out_every_4096th_tick(bench):
    bench.call(Function.START_QUEUE)
    bench.dsp.advance(3 * 4096)
    assert bench.dsp.read(Register.STEP_COUNTER) == 3 * 4096 - 3


def test_a_later_group_takes_over_an_electrode(bench):
    for group in (0, 2):
        bench.call(Function.CONFIGURE_GROUP, GROUP=group, ELEC0=1 << 4, ELEC1=0)
    bench.call(Function.COMMIT_DEBUG)
    assert bench.read(Register.CFG_DEBUG, 2) == [1 << 4, 0]
    assert wire.from_pairs(tuple(bench.read(Register.CFG_DEBUG + 24, 4)))[4] == 3


def test_a_shot_says_which_current_reaches_which_electrodes(bench):
    bench.set_up()
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    shot = bench.shots(101)[0]
    assert shot.electrodes == wire.from_bitmap(wire.bitmap(BOTTOM_ROW))
    assert shot.phases == ((pytest.approx(-10), 200), (pytest.approx(10), 200))


def test_the_mode_after_power_on_is_voltage(bench):
    bench.set_up()
    bench.dsp.write(Register.DAC_MODE, 0x3F00)
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    volts = bench.shots(101)[0].phases[0][0] * bench.meame.settings.impedance_kohm
    assert volts == pytest.approx(-200 * wire.MV_PER_DIGIT)


def test_an_electrode_in_auto_is_reached_only_while_the_sideband_closes_its_switch(bench):
    bench.set_up()
    bench.dsp.write(Register.MEMORY_RESTART + 4, wire.vector(wire.SIDEBAND_STIMULATE, 5))
    bench.dsp.write(Register.MEMORY_APPEND + 4, wire.vector(wire.SIDEBAND_BLANK, 40))
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert bench.shots(101)[0].phases == ((pytest.approx(-10), 100),)


def test_an_electrode_in_manual_mode_is_reached_whatever_the_sideband_says(bench):
    bench.set_up()
    bench.call_words(Function.SET_MODE, Register.MODE_ARG, [0, 0, 0, 0])
    bench.call(Function.COMMIT_CONFIG)
    bench.dsp.write(Register.MEMORY_CLEAR + 0x20, 0)
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert len(bench.shots(101)[0].electrodes) == 6
    assert bench.dsp.held == wire.from_bitmap(wire.bitmap(BOTTOM_ROW))


def test_only_electrodes_whose_blanking_is_enabled_are_protected(bench):
    bench.set_up()
    bench.call_words(Function.SET_BLANKING, Register.BLANKING_EN, [0b101, 0])
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    bench.dsp.run_until(bench.dsp.now + 110 * MS)
    blanked = [shot for shot in bench.dsp.take() if shot.blanked]
    assert {shot.blanked for shot in blanked} == {(0, 2)}
    assert sum(shot.blanked_us for shot in blanked) == (21 + 200) * 20


def load(dsp, dac, sideband):
    for memory, pattern in enumerate((dac, sideband)):
        dsp.write(Register.MEMORY_CLEAR + 0x20 * memory, 0)
        for word in pattern:
            dsp.write(Register.MEMORY_APPEND + 4 * memory, word)


def fire(dsp):
    dsp.write(Register.TRIGGER_CTRL, 1)
    dsp.write(Register.MANUAL_TRIGGER, 1)


def test_a_manual_trigger_plays_a_pattern_once_if_triggers_are_enabled(bench):
    bench.set_up()
    bench.call(Function.STOP_QUEUE)
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)
    assert bench.shots(1000) == []
    fire(bench.dsp)
    assert len(bench.shots(10_000)) == 1


def test_a_pattern_goes_on_until_the_electrodes_are_taken_off(bench):
    bench.set_up()
    load(bench.dsp, *wire.compile_train([(-10.0, 200.0), (10.0, 200.0)], "uA", 20.0, 40))
    fire(bench.dsp)
    assert [len(shot.electrodes) for shot in bench.shots(500)] == [6] * 10
    for function in (Function.RESET, Function.COMMIT_CONFIG):
        bench.call(function)
    assert bench.shots(500) == []


def test_a_pulse_is_cut_at_the_tick_at_which_its_electrodes_are_taken_off(bench):
    bench.set_up()
    fire(bench.dsp)
    bench.dsp.run_until(bench.dsp.now + 13)
    for function in (Function.RESET, Function.COMMIT_CONFIG):
        bench.call(function)
    (shot,) = bench.shots(10)
    assert shot.phases == ((pytest.approx(-10), 200), (pytest.approx(10), 60))


def test_a_loop_of_count_zero_goes_on_for_ever_and_a_new_trigger_restarts_a_pattern(bench):
    bench.set_up()
    dac = [wire.vector(wire.ZERO_DIGIT - 200, 10), *wire.hold(wire.ZERO_DIGIT, 2490), 1 << 28 | 4]
    load(bench.dsp, dac, [wire.vector(wire.SIDEBAND_STIMULATE, 1000), 1 << 28 | 1])
    fire(bench.dsp)
    assert np.diff([shot.tick for shot in bench.shots(1000)]).tolist() == [2500] * 19
    began = bench.dsp.now
    fire(bench.dsp)
    assert bench.shots(60)[0].tick == began


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ([1, 2, 1 << 28 | 1 << 16 | 2, 3], [1, 2, 3]),
        ([1, 2, 1 << 28 | 2 << 16 | 2, 3], [1, 2, 1, 2, 3]),
        ([1, 7 << 28, 2], [1]),
        ([1 << 28 | 1, 5], [5]),
        ([], []),
    ],
)
def test_a_memory_plays_its_loops_up_to_its_end_word(pattern, values):
    assert [value for value, _ in unroll(pattern)] == values


def test_the_public_firmware_knows_no_blanking_and_one_mode_for_all():
    meame = SimulatedMeame(SimulatorSettings(firmware=Firmware.PUBLIC))
    dsp = meame.dsp
    meame.call(5, [])
    meame.call(Function.COMMIT_CONFIG, [])
    assert set(wire.from_pairs(tuple(dsp.read(Register.HW_MODE + 4 * i) for i in range(4)))) == {3}
    assert meame.call(Function.SET_BLANKING, [(Register.BLANKING_EN, 1)])
    assert dsp.read(Register.HW_BLANKING) == 0
    meame.call(Function.SET_MODE, [(Register.MODE_ARG, 0xFF)])
    meame.call(Function.COMMIT_CONFIG, [])
    assert dsp.read(Register.HW_MODE) == 0


def test_enabling_and_configuring_a_group_that_does_not_exist_does_harm_as_measured(bench):
    bench.call(Function.ENABLE_GROUP, GROUP=3)
    assert bench.dsp.read(Register.ERROR_FLAG) == 4
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert bench.dsp.read(Register.ERROR_FLAG) == 4
    bench.call(Function.CONFIGURE_GROUP, GROUP=3, ELEC0=1, ELEC1=0)
    bench.call(Function.COMMIT_CONFIG)
    assert bench.dsp.read(Register.HW_DAC_SELECT) == 0x10


class QueueAgainstAPlainModel(RuleBasedStateMachine):
    """The stim queue against its definition, tick by tick."""

    def __init__(self):
        super().__init__()
        self.queue = StimQueue()
        self.active, self.period, self.next = [False] * 3, [0] * 3, [0] * 3
        self.step, self.is_running = 0, False

    groups = st.integers(0, 2)

    @rule(group=groups, period=st.integers(0, 60))
    def set_period(self, group, period):
        self.queue.set_period(group, period)
        self.next[group] += period - self.period[group]
        if self.next[group] <= self.step:
            self.next[group] = self.step + 1
        self.period[group] = period

    @rule(group=groups, is_active=st.booleans())
    def enable(self, group, is_active):
        self.queue.group(group).is_active = is_active
        self.active[group] = is_active

    @rule(is_running=st.booleans())
    def switch(self, is_running):
        self.queue.is_running = self.is_running = is_running

    @rule(n=st.integers(0, 200))
    def pass_time(self, n):
        expected = []
        for tick in range(n if self.is_running else 0):
            for group in range(3):
                if self.active[group] and self.step == self.next[group] and self.period[group]:
                    expected.append((tick, group))
                    self.next[group] += self.period[group]
            self.step += 1
        assert self.queue.run(n) == expected


class MailboxAgainstAPlainModel(RuleBasedStateMachine):
    """The queue as a client drives it: through the mailbox, with what goes wrong, tick by tick.

    A master that runs ahead repeats, arguments stay, group 3 is an error, RESET stops nothing.
    """

    def __init__(self):
        super().__init__()
        self.dsp = Dsp(30.0)
        self.active, self.period, self.next = [False] * 3, [0] * 3, [0] * 3
        self.step, self.is_running, self.n_done, self.n_fired = 0, False, 0, 0
        self.errors = []

    groups = st.integers(0, 3)
    ahead = st.integers(1, 3)

    def call(self, function, ahead, **registers):
        for name, value in registers.items():
            self.dsp.write(Register[name], value)
        self.dsp.write(Register.INSTRUCTION_TYPE, function)
        self.n_done += ahead
        self.dsp.write(Register.MASTER_INSTRUCTION_ID, self.n_done)
        assert self.dsp.read(Register.SLAVE_INSTRUCTION_ID) == self.n_done

    @rule(group=groups, period=st.integers(0, 60), ahead=ahead)
    def set_period(self, group, period, ahead):
        self.call(Function.SET_PERIOD, ahead, GROUP=group, PERIOD=period)
        for _ in range(ahead):
            if group == 3:
                self.errors.append(4)
                continue
            self.next[group] += period - self.period[group]
            if self.next[group] <= self.step:
                self.next[group] = self.step + 1
            self.period[group] = period

    @rule(group=groups, is_active=st.booleans(), ahead=ahead)
    def enable(self, group, is_active, ahead):
        function = Function.ENABLE_GROUP if is_active else Function.DISABLE_GROUP
        self.call(function, ahead, GROUP=group)
        if group == 3:
            self.errors += [4] * ahead
        else:
            self.active[group] = is_active

    @rule(is_running=st.booleans())
    def switch(self, is_running):
        self.call(Function.START_QUEUE if is_running else Function.STOP_QUEUE, 1)
        self.is_running = is_running

    @rule(function=st.sampled_from([1, 2, 3, 5, 6, 12, 99]))
    def what_leaves_the_queue_alone(self, function):
        self.call(function, 1, GROUP=0, ELEC0=0, ELEC1=0)

    @rule(n=st.integers(0, 200))
    def pass_time(self, n):
        self.dsp.run_until(self.dsp.now + n)
        for _ in range(n if self.is_running else 0):
            for group in range(3):
                if self.active[group] and self.step == self.next[group]:
                    if self.period[group] == 0:
                        self.errors.append(3)
                        continue
                    self.n_fired += 1
                    self.next[group] += self.period[group]
            self.step += 1

    @invariant()
    def registers_say_so(self):
        dsp = self.dsp
        assert dsp.read(Register.SHOTS_FIRED) == self.n_fired
        assert dsp.read(Register.ERROR_ENTRIES) == min(len(self.errors), 8)
        if len(self.errors) > 8:
            assert dsp.read(Register.ERROR_FLAG) == 5
        elif self.errors:
            assert dsp.read(Register.ERROR_FLAG) == self.errors[-1]

    @rule()
    def what_function_13_says_is_the_queue(self):
        self.call(Function.WRITE_QUEUE_DEBUG, 1)
        status = [self.dsp.read(Register.STIM_REQ + 4 * i) for i in range(9)]
        groups = zip(self.active, self.period, self.next, strict=True)
        assert status == [word & 0xFFFFFFFF for group in groups for word in map(int, group)]


TestMailbox = MailboxAgainstAPlainModel.TestCase
TestMailbox.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestQueue = QueueAgainstAPlainModel.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=30)


@settings(max_examples=25)  # a culture is made for each
@given(st.lists(st.integers(0, 3000), max_size=12))
def test_shots_do_not_depend_on_how_time_is_cut(pieces):
    whole, cut = Bench(), Bench()
    for bench in (whole, cut):
        bench.set_up(period=700)
        bench.call(Function.ENABLE_GROUP, GROUP=0)
    shots = [shot for n in pieces for shot in cut.dsp.advance(n)]
    assert shots == whole.dsp.advance(sum(pieces))
    assert cut.read(Register.SHOTS_FIRED, 1) == whole.read(Register.SHOTS_FIRED, 1)
    assert cut.read(Register.STEP_COUNTER, 1) == whole.read(Register.STEP_COUNTER, 1)
