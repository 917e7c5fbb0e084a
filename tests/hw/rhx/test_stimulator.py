"""Stimulation through the program `rhx`, counted at the simulated electrodes."""

import time
from dataclasses import replace

import pytest

from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder, open_stimulator
from crepe.hw.instrument import InProcess, NotStarted
from tests.running_rhx import LONG, TRAIN, running_service, wait_for


class Guard(InProcess):
    """A guard that the test opens and shuts."""

    def __init__(self):
        self.reason = None
        self.calls = []

    def drives(self, address, *, is_simulator):
        self.calls.append(("drives", is_simulator))

    def pulsing(self, is_pulsing):
        self.calls.append(("pulsing", is_pulsing))

    def refusal(self):
        return self.reason


class Bench:
    """Both halves of the instrument, running."""

    def __init__(self, rhx):
        self.rhx = rhx
        self.guard = Guard()
        self.recorder = open_recorder("rhx://simulator?channels=A-000..A-031")
        self.stimulator = open_stimulator("rhx://simulator", self.guard)

    def open(self):
        self.stimulator.open()
        self.recorder.open(0)
        wait_for(lambda: self.stimulator.watch() is None)
        return self

    @property
    def pulses(self):
        return [pulse for _, pulse in self.rhx.controller.pulses]

    def let_pass(self, seconds):
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.recorder.read(0.05)

    def close(self):
        self.stimulator.close()
        self.recorder.close()


@pytest.fixture
def bench(rhx, session):
    bench = Bench(rhx).open()
    yield bench
    bench.close()


def test_a_train_reaches_its_electrodes_once_and_whole(bench):
    bench.stimulator.prepare(TRAIN)
    assert bench.pulses == []
    bench.stimulator.start(TRAIN)
    wait_for(lambda: (bench.let_pass(0.05), len(bench.pulses) == 10)[1])
    assert {pulse.channel for pulse in bench.pulses} == set(TRAIN.electrodes)
    assert {pulse.phases for pulse in bench.pulses} == {((-10.0, 4), (10.0, 4))}
    samples = sorted({pulse.sample for pulse in bench.pulses})
    assert [sample - samples[0] for sample in samples] == [0, 400, 800, 1200, 1600]


def test_between_trains_a_stop_leaves_the_run_on_for_the_recorder(bench):
    bench.stimulator.prepare(TRAIN)
    bench.stimulator.start(TRAIN)
    wait_for(lambda: (bench.let_pass(0.1), len(bench.pulses) == 10)[1])
    run = bench.rhx._run
    bench.stimulator.stop()
    bench.stimulator.prepare(TRAIN)
    bench.stimulator.start(TRAIN)
    wait_for(lambda: (bench.let_pass(0.1), len(bench.pulses) == 20)[1])
    assert bench.rhx._run is run


def test_a_stop_in_a_train_ends_it_and_the_run(bench):
    bench.stimulator.prepare(LONG)
    bench.stimulator.start(LONG)
    bench.let_pass(0.1)
    bench.stimulator.stop()
    assert not bench.rhx.is_hardware_running or wait_for(lambda: not bench.rhx.is_hardware_running)
    assert 0 < len(bench.pulses) < 50
    assert bench.guard.calls[-1] == ("pulsing", False)
    assert "does not run" in bench.stimulator.watch()


def test_after_a_stop_nothing_is_loaded_until_the_guard_allows_it_again(bench, session):
    bench.guard.reason = "EMERGENCY STOP"
    session.stop()
    wait_for(lambda: reopened(bench.recorder))
    assert bench.stimulator.watch() == "EMERGENCY STOP"
    assert not any(it.is_enabled for it in bench.rhx.controller.hardware._channels.values())
    bench.guard.reason = None  # `crepe arm`
    bench.stimulator.watch()  # stops the run: the recorder must begin another one
    wait_for(lambda: reopened(bench.recorder))
    assert wait_for(lambda: bench.stimulator.watch() is None)
    assert bench.rhx.controller.hardware._channels["A-010"].is_enabled


def reopened(recorder):
    try:
        return recorder.open(0)
    except DeviceError:
        return None


def test_a_train_too_soon_after_another_does_not_start(bench):
    bench.stimulator.prepare(TRAIN)
    bench.stimulator.start(TRAIN)
    with pytest.raises(NotStarted, match="the train before ends in"):
        bench.stimulator.start(TRAIN)


def test_a_train_that_was_not_loaded_is_not_prepared(bench):
    with pytest.raises(DeviceError, match="not among the 2 patterns"):
        bench.stimulator.prepare(replace(TRAIN, n_pulses=4))
    with pytest.raises(DeviceError, match="multiple of its step"):
        bench.stimulator.prepare(replace(TRAIN, phases=((-10.2, 200.0), (10.2, 200.0))))


def test_a_guard_that_refuses_after_prepare_keeps_the_train_from_the_electrodes(bench):
    bench.stimulator.prepare(TRAIN)
    bench.guard.reason = "EMERGENCY STOP"
    with pytest.raises(NotStarted, match="EMERGENCY STOP"):
        bench.stimulator.start(TRAIN)
    assert "trigger f1 on" not in bench.rhx.controller.hardware.log


def test_a_guard_that_never_allowed_keeps_patterns_from_an_instrument(rhx, monkeypatch):
    monkeypatch.setattr(type(rhx), "proof", lambda self, challenge: "")  # it proves nothing
    rhx.click()
    with running_service():
        bench = Bench(rhx)
        bench.guard.reason = "not armed"
        bench.stimulator.open()
        bench.recorder.open(0)
        assert ("drives", True) not in bench.guard.calls
        assert bench.stimulator.watch() == "not armed"
        channel = rhx.controller.hardware._channels["A-010"]
        assert not channel.is_enabled
        bench.guard.reason = None  # `crepe arm`
        bench.stimulator.watch()
        wait_for(lambda: reopened(bench.recorder))
        assert wait_for(lambda: bench.stimulator.watch() is None)
        assert channel.is_enabled
        bench.close()


def test_a_lost_connection_forbids_all_and_a_new_one_is_another_instrument(bench):
    n_drives = len([call for call in bench.guard.calls if call[0] == "drives"])
    bench.rhx._client.shutdown(2)
    reason = wait_for(lambda: "may still run" in (bench.stimulator.watch() or ""))
    assert reason
    with pytest.raises(DeviceError, match="NOT STOPPED for certain"):
        bench.stimulator.stop()
    assert bench.guard.calls[-1] == ("pulsing", True)  # the watchdog acts on it
    bench.rhx.press_stop()
    wait_for(lambda: bench.rhx._client is None)
    bench.rhx.click()
    wait_for(lambda: "NOT VERIFIED" not in str(bench.stimulator.watch()))
    assert len([call for call in bench.guard.calls if call[0] == "drives"]) > n_drives


def test_a_dead_program_is_not_verified(rhx):
    rhx.click()
    with running_service():
        bench = Bench(rhx).open()
    with pytest.raises(DeviceError, match="alone can command RHX, does not answer"):
        bench.stimulator.stop()
    assert "press Stop on the RHX computer" in bench.stimulator.watch()
    bench.close()


def test_without_the_program_opening_fails():
    with pytest.raises(DeviceError, match="the program `rhx`"):
        open_stimulator("rhx://simulator", InProcess(), wait_s=0.2).open()


@pytest.mark.parametrize("url", ["rhx://simulator?step_ua=0.3", "rhx://simulator?step_ua=nan"])
def test_a_step_that_no_controller_has_is_refused(url):
    with pytest.raises(ConfigError, match="step_ua"):
        open_stimulator(url, InProcess())


def test_a_step_that_the_program_does_not_have_is_refused(session):
    wait_for(lambda: session.is_connected)
    stimulator = open_stimulator("rhx://simulator?step_ua=1", InProcess())
    with pytest.raises(DeviceError, match="step_ua 0.5, this stimulator for 1"):
        stimulator.open()
    stimulator.close()
