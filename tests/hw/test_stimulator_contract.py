"""The contract of all stimulators: MEAME's on the wire and in lock-step, and `none://`."""

import time
from dataclasses import replace
from functools import cache

import pytest
import urllib3

from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import DeviceError
from crepe.hw.device import open_stimulator
from crepe.hw.instrument import InProcess
from crepe.hw.meame.registers import Register
from crepe.messages import Stimulus
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings

TRAIN = Stimulus(9, 10, 1, 10, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 50.0, 5)
TICKS_PER_MS = 50


class RecordingGuard(InProcess):
    """A guard that the test opens and shuts; it writes down what a driver calls."""

    def __init__(self):
        self.calls = []
        self.reason = None

    def drives(self, address, *, is_simulator):
        self.calls.append("drives")

    def pulsing(self, is_pulsing):
        self.calls.append(("pulsing", is_pulsing))

    def refusal(self):
        self.calls.append("refusal")
        return self.reason


class Bench:
    """A stimulator with its guard, and the simulated DSP behind it: None where there is none."""

    def __init__(self, open_stimulator, url, dsp):
        self.guard = RecordingGuard()
        self.dsp = dsp
        self._n_before = 0 if dsp is None else len(dsp.shots)
        self.stimulator = open_stimulator(url, self.guard)

    @property
    def is_connected(self):
        return self.dsp is not None and any(
            self.dsp.read(Register.HW_ENABLE + 4 * i) for i in range(2)
        )

    @property
    def shots(self):
        return [] if self.dsp is None else list(self.dsp.shots)[self._n_before :]


class WireBench(Bench):
    """Its DSP runs in real time; what is read of it first makes the simulator catch up."""

    def __init__(self, simulator):
        self._url = f"http://127.0.0.1:{simulator.http_port}/simulator/pulses?after=0"
        super().__init__(open_stimulator, "meame://simulator", simulator.instrument.dsp)

    def let_pass(self, ms):
        until = self._now() + ms * TICKS_PER_MS
        while self._now() < until:
            time.sleep(0.01)

    def _now(self):
        return urllib3.request("GET", self._url, retries=False).json()["now"]


class LockstepBench(Bench):
    def let_pass(self, ms):
        if self.dsp is not None:
            self.dsp.advance(ms * TICKS_PER_MS)


@cache  # its culture takes long to make, and is not needed here
def lockstep():
    return Lockstep(SimulatorSettings())


def make(kind, request):
    match kind:
        case "meame on the wire":
            return WireBench(request.getfixturevalue("simulator"))
        case "meame in lock-step":
            dsp = lockstep().instrument.dsp
            return LockstepBench(lockstep().open_stimulator, "meame://simulator", dsp)
    return LockstepBench(open_stimulator, "none://", None)


ABLE = ["meame on the wire", "meame in lock-step"]


@pytest.fixture(params=[*ABLE, "none"])
def closed(request):
    """A stimulator that is not open yet."""
    bench = make(request.param, request)
    yield bench
    bench.stimulator.close()


@pytest.fixture
def bench(closed):
    """A stimulator that is open."""
    closed.stimulator.open()
    closed.guard.calls.clear()
    return closed


@pytest.fixture(params=ABLE)
def able(request):
    """A stimulator that is open and delivers trains."""
    bench = make(request.param, request)
    bench.stimulator.open()
    bench.guard.calls.clear()
    yield bench
    bench.stimulator.close()


def test_opening_stops_what_an_earlier_process_left(closed):
    if closed.dsp is not None:
        closed.dsp.write(Register.HW_ENABLE, 1)
    closed.stimulator.open()
    assert not closed.is_connected
    assert closed.stimulator.watch() is None


def test_a_refusal_needs_no_connection(closed):
    before = closed.stimulator.refusal(TRAIN)
    closed.stimulator.open()
    assert closed.stimulator.refusal(TRAIN) == before


def test_closing_is_harmless_before_opening(closed):
    closed.stimulator.close()


def test_closing_is_harmless_when_repeated(bench):
    for _ in range(3):
        bench.stimulator.close()


def test_a_train_that_is_refused_is_not_prepared(bench):
    refused = replace(TRAIN, electrodes=("no label of any array",))
    assert bench.stimulator.refusal(refused)
    with pytest.raises(DeviceError):
        bench.stimulator.prepare(refused)
    assert not bench.is_connected


def test_a_train_that_was_not_prepared_is_not_started(bench):
    with pytest.raises(DeviceError):
        bench.stimulator.start(TRAIN)
    bench.let_pass(200)
    assert bench.shots == []


def test_stopping_is_harmless_when_nothing_runs_and_when_repeated(bench):
    for _ in range(3):
        bench.stimulator.stop()
    assert not bench.is_connected
    assert ("pulsing", True) not in bench.guard.calls


def test_no_pulse_leaves_at_prepare_and_the_whole_train_once_at_start(able):
    assert able.stimulator.refusal(TRAIN) is None
    able.stimulator.prepare(TRAIN)
    able.let_pass(200)
    assert able.shots == []
    able.stimulator.start(TRAIN)
    able.let_pass(400)  # it ends by itself
    ticks = [shot.tick for shot in able.shots]
    assert [tick - ticks[0] for tick in ticks] == [0, 1000, 2000, 3000, 4000]
    labels = {MCS_60_LABELS[i] for shot in able.shots for i in shot.electrodes}
    assert labels == set(TRAIN.electrodes)
    assert {shot.phases for shot in able.shots} == {TRAIN.phases}
    assert isinstance(able.stimulator.doubts(), str)


def test_another_train_with_the_same_pulses_follows_without_prepare(able):
    able.stimulator.prepare(TRAIN)
    for number in (1, 2):
        able.stimulator.start(replace(TRAIN, number=number))
        able.let_pass(200)
    assert len(able.shots) == 10


@pytest.mark.parametrize("change", [{"n_pulses": 4}, {"electrodes": ("48",)}, {"rate_hz": 40.0}])
def test_a_train_with_other_pulses_than_prepared_is_not_started(able, change):
    able.stimulator.prepare(TRAIN)
    with pytest.raises(DeviceError, match="is not prepared"):
        able.stimulator.start(replace(TRAIN, **change))
    able.let_pass(200)
    assert able.shots == []


def test_a_stop_ends_the_train_and_what_was_prepared(able):
    train = replace(TRAIN, n_pulses=50)
    able.stimulator.prepare(train)
    able.stimulator.start(train)
    able.let_pass(100)
    able.stimulator.stop()
    assert not able.is_connected
    n = len(able.shots)
    assert 0 < n < 50
    able.let_pass(300)
    assert len(able.shots) == n
    with pytest.raises(DeviceError, match="is not prepared"):
        able.stimulator.start(train)


def test_closing_ends_the_train(able):
    train = replace(TRAIN, n_pulses=50)
    able.stimulator.prepare(train)
    able.stimulator.start(train)
    able.stimulator.close()
    n = len(able.shots)
    able.let_pass(300)
    assert len(able.shots) == n
    assert not able.is_connected


def test_a_guard_that_refuses_keeps_electrodes_unconnected(able):
    able.guard.reason = "EMERGENCY STOP"
    assert able.stimulator.watch() == "EMERGENCY STOP"
    with pytest.raises(DeviceError, match="EMERGENCY STOP"):
        able.stimulator.prepare(TRAIN)
    assert not able.is_connected


def test_a_guard_that_refuses_after_prepare_keeps_the_train_from_the_electrodes(able):
    able.stimulator.prepare(TRAIN)
    able.guard.reason = "EMERGENCY STOP"
    with pytest.raises(DeviceError, match="EMERGENCY STOP"):
        able.stimulator.start(TRAIN)
    able.let_pass(200)
    assert able.shots == []


def test_the_guard_learns_of_pulses_before_electrodes_are_connected_and_after_the_stop(able):
    connected = []
    write_down = able.guard.pulsing
    able.guard.pulsing = lambda is_pulsing: (
        connected.append((is_pulsing, able.is_connected)),
        write_down(is_pulsing),
    )
    able.stimulator.prepare(TRAIN)
    able.stimulator.start(TRAIN)
    able.stimulator.stop()
    assert connected == [(True, False), (False, False)]
