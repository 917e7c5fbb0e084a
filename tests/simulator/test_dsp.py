"""The simulated DSP, odd as the firmware is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.hw import meame_wire as wire
from crepe.hw.meame_wire import Function, Register
from crepe.simulator.instrument import SimulatedMeame
from crepe.simulator.settings import SimulatorSettings

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
        for memory, words in enumerate(
            wire.compile_train([(-10.0, 200.0), (10.0, 200.0)], "uA", 20.0, 1)
        ):
            self.dsp.write(Register.MEMORY_CLEAR + 0x20 * memory, 0)
            for word in words:
                self.dsp.write(Register.MEMORY_APPEND + 4 * memory, word)
        self.call(Function.CONFIGURE_GROUP, GROUP=0, ELEC0=elec0, ELEC1=elec1)
        modes = wire.pairs(wire.from_bitmap((elec0, elec1)), wire.MODE_AUTO)
        self.call_words(Function.SET_MODE, Register.MODE_ARG, modes)
        self.call(Function.COMMIT_CONFIG)
        self.call(Function.START_QUEUE)
        self.call(Function.SET_PERIOD, GROUP=0, PERIOD=period)

    def call_words(self, function, first, words):
        assert self.meame.call(function, [(first + 4 * i, w) for i, w in enumerate(words)])

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


def test_the_step_counter_leaves_out_every_4096th_tick(bench):
    bench.call(Function.START_QUEUE)
    bench.dsp.advance(3 * 4096)
    assert bench.dsp.read(Register.STEP_COUNTER) == 3 * 4096 - 3


def test_a_later_group_takes_over_an_electrode(bench):
    for group in (0, 2):
        bench.call(Function.CONFIGURE_GROUP, GROUP=group, ELEC0=1 << 4, ELEC1=0)
    bench.call(Function.COMMIT_DEBUG)
    assert bench.read(Register.CFG_DEBUG, 2) == [1 << 4, 0]
    assert wire.from_pairs(bench.read(Register.CFG_DEBUG + 24, 4))[4] == 3


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
    bench.dsp.write(Register.MEMORY_RESTART + 4, wire.vector(wire.SIDEBAND_BLANK, 40))
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    assert bench.shots(101)[0].electrodes == ()


def test_only_electrodes_whose_blanking_is_enabled_are_protected(bench):
    bench.set_up()
    bench.call_words(Function.SET_BLANKING, Register.BLANKING_EN, [0b101, 0])
    bench.call(Function.ENABLE_GROUP, GROUP=0)
    shot = bench.shots(101)[0]
    assert shot.blanked == (0, 2)
    assert shot.blanked_us == (21 + 200) * 20


def test_a_manual_trigger_plays_a_pattern_once_if_triggers_are_enabled(bench):
    bench.set_up()
    bench.call(Function.STOP_QUEUE)
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)
    assert bench.shots(1000) == []
    bench.dsp.write(Register.TRIGGER_CTRL, 1)
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)
    assert len(bench.shots(10_000)) == 1


def test_a_pattern_goes_on_until_the_electrodes_are_taken_off(bench):
    bench.set_up()
    dac, sideband = wire.compile_train([(-10.0, 200.0), (10.0, 200.0)], "uA", 20.0, 40)
    for memory, words in enumerate((dac, sideband)):
        bench.dsp.write(Register.MEMORY_CLEAR + 0x20 * memory, 0)
        for word in words:
            bench.dsp.write(Register.MEMORY_APPEND + 4 * memory, word)
    bench.dsp.write(Register.TRIGGER_CTRL, 1)
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)
    assert [len(shot.electrodes) for shot in bench.shots(500)] == [6] * 10
    for function in (Function.RESET, Function.COMMIT_CONFIG):
        bench.call(function)
    assert [len(shot.electrodes) for shot in bench.shots(500)] == [0] * 10


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
