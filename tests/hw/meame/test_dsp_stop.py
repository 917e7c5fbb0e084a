"""Stopping the DSP, whatever of it answers: in simulated time, by what the electrodes get."""

import pytest

from crepe.errors import DeviceError
from crepe.hw.instrument import InProcess
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import Control, HttpControl, Server
from crepe.hw.meame.registers import Register
from crepe.messages import Stimulus
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings

TRAIN = Stimulus(9, 10, 1, 10, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 600)  # 30 s
SECOND = 50_000  # ticks


class Bench:
    """A long train that is under way."""

    def __init__(self):
        lockstep = Lockstep(SimulatorSettings())
        self.dsp = lockstep.instrument.dsp
        stimulator = lockstep.open_stimulator("meame://simulator", InProcess())
        stimulator.open()
        stimulator.prepare(TRAIN)
        stimulator.start(TRAIN)
        self.control = stimulator.control
        assert len(self.dsp.advance(SECOND)) == 20

    def read(self, *registers):
        return [self.dsp.read(register) for register in registers]


@pytest.fixture
def bench():
    return Bench()


class Through(Control):
    """The way to a DSP, with something wrong on it."""

    def __init__(self, control):
        self.control = control
        self.calls = []

    def is_our_simulator(self):
        return self.control.is_our_simulator()

    def call(self, function, arguments):
        self.calls.append(int(function))
        self.control.call(function, arguments)

    def write(self, addresses, values):
        self.control.write(addresses, values)

    def read(self, addresses):
        return self.control.read(addresses)

    def close(self):
        pass


class Late(Through):
    """The DSP does everything, and MEAME has given up waiting for it each time."""

    def call(self, function, arguments):
        super().call(function, arguments)
        raise DeviceError("status 500, must be 200")


class Deaf(Through):
    """The firmware hangs; the hardware's registers are there."""

    def call(self, function, arguments):
        self.calls.append(int(function))
        raise DeviceError("status 500, must be 200")


def test_the_electrodes_get_nothing_from_the_tick_of_the_stop_on(bench):
    assert stop_dsp(bench.control) == []
    assert bench.dsp.advance(30 * SECOND) == []
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)  # who is late fires nothing any more
    assert bench.dsp.advance(30 * SECOND) == []


def test_what_the_dsp_does_counts_and_not_what_the_server_acknowledges(bench):
    late = Late(bench.control)
    assert stop_dsp(late) == []
    assert late.calls == [2, 6, 11, 11, 11, 8, 13]
    assert bench.dsp.advance(30 * SECOND) == []


def test_a_firmware_that_hangs_in_the_middle_of_a_train_does_not_keep_it_going(bench):
    deaf = Deaf(bench.control)
    doubts = stop_dsp(deaf)
    assert doubts[0].startswith("register 1000: counts 0 of 7 calls")
    assert deaf.calls == [2, 6, 11, 11, 11, 8, 13]
    assert bench.read(Register.HW_ENABLE, Register.HW_ENABLE + 4, Register.TRIGGER_CTRL) == [
        0,
        0,
        0,
    ]
    assert bench.dsp.advance(30 * SECOND) == []


def test_registers_that_cannot_be_written_do_not_keep_the_firmware_from_stopping(bench):
    class Unwritable(Through):
        def write(self, addresses, values):
            raise DeviceError("status 500, must be 200")

    doubts = stop_dsp(Unwritable(bench.control))
    assert doubts == [
        "triggers still enabled: register 0200 reads 0x1",
        "writing registers: status 500, must be 200",
    ]
    assert bench.dsp.advance(30 * SECOND) == []


def test_what_still_runs_after_the_stop_is_named(bench):
    class Stuck(Through):
        def read(self, addresses):
            values = super().read(addresses)
            return [
                1 if a == Register.HW_ENABLE else v for a, v in zip(addresses, values, strict=True)
            ]

    assert stop_dsp(Stuck(bench.control)) == ["electrodes still enabled: register 9158 reads 0x1"]


def test_a_server_that_only_acknowledges_is_not_taken_at_its_word(bench):
    class Mock(Through):
        """MEAME's last version: the executor acknowledges, and reads are 0."""

        def call(self, function, arguments):
            pass

        def read(self, addresses):
            return [0] * len(addresses)

    (doubt,) = stop_dsp(Mock(bench.control))
    assert "counts 0 of 7 calls" in doubt


def test_where_nobody_listens_one_try_is_enough_to_know():
    with HttpControl(Server("127.0.0.1", 9, 0), 0.2) as control:
        (doubt,) = stop_dsp(control)
    assert "/DSP/write" in doubt
