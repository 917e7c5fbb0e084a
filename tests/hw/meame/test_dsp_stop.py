"""Stopping the DSP, whatever of it answers: in simulated time, by what the electrodes get."""

import pytest

from crepe.errors import DeviceError
from crepe.hw.instrument import InProcess
from crepe.hw.meame.connection import Unreachable
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


def test_the_first_request_clears_all_that_a_pulse_needs_and_the_registers_decide_at_the_end(bench):
    """By address, as the instrument has them: a register that is left out is noticed by no train."""

    class Recorded(Through):
        requests = []

        def write(self, addresses, values):
            self.requests.append(("write", [int(a) for a in addresses], values))
            super().write(addresses, values)

        def call(self, function, arguments):
            self.requests.append((int(function), [(int(a), v) for a, v in arguments]))
            super().call(function, arguments)

        def read(self, addresses):
            self.requests.append(("read", [int(a) for a in addresses]))
            return super().read(addresses)

    electrodes, selects = [0x9158, 0x915C], [0x9160, 0x9164, 0x9168, 0x916C]
    memories = [0x920C, 0x922C, 0x924C, 0x926C, 0x928C, 0x92AC]
    control = Recorded(bench.control)
    beats = []
    assert stop_dsp(control, lambda: beats.append(len(control.requests))) == []
    assert control.requests == [
        ("write", [*electrodes, 0x0200, *selects, *memories], [0] * 13),
        ("read", [0x1000]),
        (2, []),
        (6, []),
        *((11, [(0x1010, group)]) for group in range(3)),
        (8, []),
        (13, []),
        ("read", [0x1000, 0x1078, 0x1084, 0x1090, *electrodes, 0x0200, *selects]),
    ]
    assert beats == [2, 3, 4, 5, 6, 7, 8]  # before each call


@pytest.mark.parametrize(
    ("register", "fault"),
    [
        (0x915C, "electrodes still enabled"),
        (0x0200, "triggers still enabled"),
        (0x916C, "electrodes still on a DAC"),
        (0x1090, "group still active"),
    ],
)
def test_each_register_that_is_not_zero_at_the_end_is_a_doubt(bench, register, fault):
    class Stuck(Through):
        def read(self, addresses):
            values = super().read(addresses)
            return [4 if a == register else v for a, v in zip(addresses, values, strict=True)]

    assert stop_dsp(Stuck(bench.control)) == [f"{fault}: register {register:04X} reads 0x4"]


@pytest.mark.parametrize("n_reads", [0, 1])
def test_registers_that_cannot_be_read_prove_nothing(bench, n_reads):
    class Unreadable(Through):
        n = 0

        def read(self, addresses):
            self.n += 1
            if self.n == n_reads + 1:
                raise DeviceError("status 500, must be 200")
            return super().read(addresses)

    assert stop_dsp(Unreadable(bench.control)) == ["reading registers: status 500, must be 200"]


def test_a_server_that_is_gone_in_the_middle_ends_the_stop_with_all_that_failed_before(bench):
    class Gone(Deaf):
        def call(self, function, arguments):
            if function == 8:
                raise Unreachable("no answer")
            super().call(function, arguments)

    *failed, last = stop_dsp(Gone(bench.control))
    assert [doubt.split(":")[0] for doubt in failed] == [
        "RESET",
        "COMMIT_CONFIG",
        *["DISABLE_GROUP"] * 3,
    ]
    assert last == "no answer"


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
