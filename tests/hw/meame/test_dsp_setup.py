"""Setting the DSP up on an instrument that others have used, by what the electrodes get."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.electrodes.layouts import MCS_REFERENCE
from crepe.errors import DeviceError
from crepe.hw.instrument import InProcess, NotStarted
from crepe.hw.meame import dsp_setup, wire
from crepe.hw.meame.registers import Register
from crepe.messages import Stimulus
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import Firmware, SimulatorSettings

TRAIN = Stimulus(9, 10, 1, 10, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 10)
SECOND = 50_000  # ticks


class Bench:
    """A stimulator in simulated time, and what reaches its electrodes."""

    def __init__(self, **values):
        lockstep = Lockstep(SimulatorSettings(**values))
        self.dsp = lockstep.instrument.dsp
        self.stimulator = lockstep.open_stimulator("meame://simulator", InProcess())
        self.stimulator.open()

    def shots(self, train=TRAIN, seconds=10):
        self.stimulator.prepare(train)
        self.stimulator.start(train)
        return self.dsp.advance(seconds * SECOND)


@pytest.mark.parametrize("firmware", Firmware)
def test_both_firmwares_are_set_up_each_in_its_own_way(firmware):
    bench = Bench(firmware=firmware)
    shots = bench.shots()
    assert len(shots) == 10
    assert {wire.MCS_60_LABELS[i] for shot in shots for i in shot.electrodes} == {"48", "38"}
    assert {shot.phases for shot in shots} == {((-10.0, 200.0), (10.0, 200.0))}
    modes = wire.from_pairs(tuple(bench.dsp.read(Register.HW_MODE + 4 * i) for i in range(4)))
    n_auto = sum(mode == wire.MODE_AUTO for mode in modes)
    assert n_auto == (2 if firmware is Firmware.LAB else 60)
    bench.stimulator.stop()
    assert len(bench.shots()) == 10


class Recorded:
    """The calls of a control, in order."""

    def __init__(self, control):
        self.calls, self.values, self.written = [], {}, {}
        self._control = control

    def call(self, function, arguments):
        self.calls.append((int(function), [int(address) for address, _ in arguments]))
        self.values = {**self.values, int(function): [value for _, value in arguments]}
        self._control.call(function, arguments)

    def write(self, addresses, values):
        self.written.update(zip(map(int, addresses), values, strict=True))
        self._control.write(addresses, values)

    def read(self, addresses):
        return self._control.read(addresses)


@pytest.mark.parametrize("unit", ["uA", "uV"])
def test_the_dsp_is_set_up_by_these_calls_and_registers(unit):
    """By address, as the instrument has them: another order is noticed by no simulated train."""
    bench = Bench()
    control, looks = Recorded(bench.stimulator.control), []
    bench.dsp.write(Register.DAC_MODE, 0x8002)  # bits that are not of the DACs
    train = TRAIN if unit == "uA" else replace(TRAIN, unit="uV", phases=((-5710.0, 200.0),))
    registers = dsp_setup.set_up(control, train, 0, lambda: looks.append(len(control.calls)))
    assert control.calls == [
        (8, []),
        (2, []),
        (14, [0x10AC, 0x10B0]),
        (15, [0x10B4, 0x10B8]),
        (3, [0x1010, 0x1018, 0x101C]),
        (4, [0x10BC, 0x10C0, 0x10C4, 0x10C8]),
        (6, []),
        (12, []),
        (13, []),
    ]
    assert looks == list(range(9))  # before each of them
    everywhere = [0x3FFFBFFF, 0x3FFFFFFF]  # but at the reference
    assert control.values[14] == control.values[15] == everywhere
    modes = 0x8002 | (0x3F00 if unit == "uV" else 0)
    memories = {0x920C, 0x922C, 0x9F20, 0x9F24}
    assert {a: v for a, v in control.written.items() if a not in memories} == {
        0x9100: modes,
        0x0200: 1,
        **dict.fromkeys((0x9190, 0x9194, 0x9198), 1),
        0x9104: 0x20100,
        0x9108: 0x20100,
    }
    assert memories <= control.written.keys()
    assert (registers.electrodes, registers.unit) == (train.electrodes, unit)
    is_off = {0x1078: (0,), 0x1084: (0,), 0x1090: (0,)}  # no group of the queue is active
    assert registers.registers.items() >= is_off.items()
    again = Recorded(bench.stimulator.control)
    dsp_setup.set_up(again, train, 0, lambda: None)
    assert [function for function, _ in again.calls] == [8, 2, 3, 4, 6, 12, 13]


def test_a_set_up_that_must_end_makes_no_further_call():
    def stopped():
        if len(control.calls) == 2:
            raise DeviceError("stopped")

    control = Recorded(Bench().stimulator.control)
    with pytest.raises(DeviceError, match="stopped"):
        dsp_setup.set_up(control, TRAIN, 0, stopped)
    assert [function for function, _ in control.calls] == [8, 2]


def test_a_train_lasts_until_its_amplifiers_are_free():
    """9 periods of 50 ms, a pulse of 400 us with one tick more, and 4 ms of blanking."""
    assert dsp_setup.lasts_s(TRAIN) == pytest.approx(0.45 + 0.00042 + 0.004)


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (Register.TRIGGER_REPEATS, 50),
        (Register.DAC_TRIGGER, 0x010203),
        (Register.SIDEBAND_TRIGGER, 0),
        (Register.TRIGGER_CTRL, 0),
        (Register.DAC_MODE, 0x3F00),
    ],
)
def test_a_train_is_what_was_asked_for_whatever_another_client_has_left(register, value):
    bench = Bench()
    bench.dsp.write(register, value)
    shots = bench.shots()
    assert [shot.tick - shots[0].tick for shot in shots] == [2500 * i for i in range(10)]
    assert {shot.phases for shot in shots} == {((-10.0, 200.0), (10.0, 200.0))}


@pytest.mark.parametrize("register", [Register.TRIGGER_REPEATS, Register.DAC_TRIGGER])
def test_a_register_that_does_not_take_what_is_written_keeps_a_train_from_being_prepared(
    register, monkeypatch
):
    bench = Bench()
    bench.dsp.write(register, 50)
    write = bench.dsp.write
    monkeypatch.setattr(bench.dsp, "write", lambda a, v: None if a == register else write(a, v))
    with pytest.raises(DeviceError, match=f"register {register:04X}: reads 0x32, must be"):
        bench.stimulator.prepare(TRAIN)


def test_the_same_electrodes_are_connected_again_without_a_call_and_others_with(monkeypatch):
    bench = Bench()
    control = bench.stimulator.control
    assert len(bench.shots()) == 10
    bench.stimulator.stop()
    called = []
    call = control.call
    monkeypatch.setattr(control, "call", lambda f, a: called.append(f) or call(f, a))
    shots = bench.shots(replace(TRAIN, rate_hz=40.0, n_pulses=5))
    assert [shot.tick - shots[0].tick for shot in shots] == [1250 * i for i in range(5)]
    assert called == []
    bench.stimulator.stop()
    called.clear()
    shots = bench.shots(replace(TRAIN, electrodes=("21",)))
    assert {wire.MCS_60_LABELS[i] for i in shots[0].electrodes} == {"21"}
    assert called


def test_electrodes_are_not_connected_again_where_another_client_was_active_meanwhile():
    bench = Bench()
    bench.shots()
    bench.stimulator.stop()
    bench.dsp.write(Register.HW_BLANKING, 0)
    with pytest.raises(DeviceError, match="register 8150: reads 0x0"):
        bench.stimulator.prepare(TRAIN)
    bench.stimulator.stop()
    assert len(bench.shots()) == 10  # set up from the beginning


def test_a_trigger_repeats_its_pattern_as_often_as_its_register_says_and_is_not_fired_then():
    bench = Bench()
    bench.stimulator.prepare(replace(TRAIN, n_pulses=3))
    bench.dsp.write(Register.TRIGGER_REPEATS, 4)
    with pytest.raises(NotStarted, match="register 9190: reads 0x4, must be 0x1"):
        bench.stimulator.start(replace(TRAIN, n_pulses=3))
    assert bench.dsp.advance(10 * SECOND) == []
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)  # what the trigger would have fired
    assert len(bench.dsp.advance(10 * SECOND)) == 12


NOT_TOLD = "shot not verified: MEAME does not tell whether a trigger fired"


def test_what_is_in_doubt_of_a_train_is_the_shot_itself_and_what_registers_say():
    bench = Bench()
    bench.shots()
    assert bench.stimulator.doubts() == NOT_TOLD
    bench.dsp.write(Register.SHOTS_FIRED, 7)
    bench.dsp.write(Register.ERROR_FLAG, 3)
    bench.dsp.write(Register.HW_ENABLE, 0)
    assert bench.stimulator.doubts().split("; ") == [
        NOT_TOLD,
        "an error was reported (register 104C reads 0x3, expected 0x0)",
        "the queue fired, too (register 1048 reads 0x7, expected 0x0)",
        "electrodes are not connected as they were (register 9158 reads 0x0, expected 0x12)",
    ]
    bench.stimulator.stop()


def test_registers_that_cannot_be_read_after_a_train_are_in_doubt(monkeypatch):
    bench = Bench()
    bench.shots()
    monkeypatch.setattr(bench.stimulator.control, "read", _fail)
    assert bench.stimulator.doubts().endswith("nor could registers be read: status 500")


def _fail(addresses):
    raise DeviceError("status 500")


LABELS = sorted(set(wire.MCS_60_LABELS) - {MCS_REFERENCE})
BENCHES = {firmware: Bench(firmware=firmware) for firmware in Firmware}  # each used many times
IMPEDANCE_KOHM = SimulatorSettings().impedance_kohm


@st.composite
def trains(draw):
    unit = draw(st.sampled_from(["uA", "uV"]))
    value = st.integers(-30_000, 30_000).map(lambda digits: digits * wire.UA_PER_DIGIT)
    if unit == "uV":
        value = st.floats(-1e6, 1e6)
    width_us = st.integers(1, 50).map(lambda ticks: 20.0 * ticks)
    phases = draw(st.lists(st.tuples(value, width_us), min_size=1, max_size=4))
    electrodes = draw(st.sets(st.sampled_from(LABELS), min_size=1, max_size=20))
    rate_hz = draw(st.floats(0.5, 100.0))
    n_pulses = draw(st.integers(1, 6))
    train = Stimulus(9, 10, 1, 10, tuple(electrodes), tuple(phases), rate_hz, n_pulses)
    return replace(train, unit=unit)


def asked_for(train):
    """(tick from the trigger, uA) of every tick with a current, and who is to receive it."""
    period = wire.period_ticks(train.rate_hz)
    wave, tick = [], 0
    for value, width_us in train.phases:
        digits = round(value / (wire.UA_PER_DIGIT if train.unit == "uA" else 571.0))
        ua = digits * (wire.UA_PER_DIGIT if train.unit == "uA" else 0.571 / IMPEDANCE_KOHM)
        wave += [(tick + i, ua) for i in range(round(width_us / 20)) if digits]
        tick += round(width_us / 20)
    channels = {wire.MCS_60_LABELS.index(label) for label in train.electrodes}
    return [(i * period + at, ua) for i in range(train.n_pulses) for at, ua in wave], channels


def received(shots, began):
    wave = []
    for shot in shots:
        tick = shot.tick - began
        for ua, us in shot.phases:
            wave += [(tick + i, ua) for i in range(round(us / 20)) if ua]
            tick += round(us / 20)
    return wave


@settings(deadline=None, max_examples=150)
@given(train=trains(), firmware=st.sampled_from(Firmware))
def test_electrodes_receive_exactly_the_train_that_was_asked_for_tick_by_tick(train, firmware):
    bench = BENCHES[firmware]
    reason = bench.stimulator.refusal(train)
    if reason is not None:
        assert "pulse and blanking take" in reason
        return
    bench.dsp.advance(1)
    bench.stimulator.prepare(train)
    assert bench.dsp.advance(SECOND) == []
    began = bench.dsp.now
    bench.stimulator.start(train)
    seconds = train.n_pulses / train.rate_hz + 1
    shots = bench.dsp.advance(round(seconds * SECOND))
    wave, channels = asked_for(train)
    played = received(shots, began)
    assert [tick for tick, _ in played] == [tick for tick, _ in wave]
    assert [ua for _, ua in played] == pytest.approx([ua for _, ua in wave])
    assert all(set(shot.electrodes) == channels for shot in shots)
    bench.stimulator.stop()
    bench.dsp.write(Register.MANUAL_TRIGGER, 1)
    assert bench.dsp.advance(SECOND) == []
