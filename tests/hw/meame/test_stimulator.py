"""The stimulator against the simulated MEAME, and what becomes of a train when things die.

Processes and their instrument run in real time here, on a machine that may be busy: all limits are
generous. Their true values are tested on a simulated clock, in tests/safety.
"""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import urllib3

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.device import open_stimulator
from crepe.hw.instrument import InProcess, NotStarted
from crepe.hw.meame.http import HttpControl
from crepe.hw.meame.registers import Register
from crepe.messages import Stimulus
from crepe.safety import arming, emergency_stop
from crepe.safety.instrument_lock import instrument_lock
from crepe.safety.protocol.announcement import announced
from crepe.safety.watchdog_link import watchdog_link

LONG = Stimulus(9, 10, 1, 10, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 600)  # 30 s
SECOND = 50_000  # ticks of the DSP
SPAWN = multiprocessing.get_context("spawn")
PATIENCE_S = 2.0  # of the stimulator with the watchdog, and the other way round
PATIENT_WATCHDOG = f"""
from crepe.environment import paths
from crepe.safety import pursuit, watchdog

watchdog.SILENT_S = pursuit._CALL_S = {PATIENCE_S}
watchdog.Watchdog(paths.run_directory(), print).run()
"""


def be_patient(patch):
    for limit in ("watchdog_link.FRESH_S", "pursuit._CALL_S"):
        patch.setattr(f"crepe.safety.{limit}", PATIENCE_S)
    patch.setattr("crepe.hw.meame.stimulator._LOCK_S", PATIENCE_S)
    patch.setattr(emergency_stop, "ANSWER_S", 30.0)


@pytest.fixture(autouse=True)
def _is_patient(monkeypatch):
    be_patient(monkeypatch)


@pytest.fixture
def watchdog(simulate):
    process = subprocess.Popen([sys.executable, "-c", PATIENT_WATCHDOG])
    wait((paths.run_directory() / "watchdog.sock").exists)
    yield process
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait()


def wait(is_so, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (result := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return result


def pulses(simulator, after=0):
    """The DSP's present tick, and the ticks at which pulses reached electrodes."""
    url = f"http://127.0.0.1:{simulator.http_port}/simulator/pulses?after={after}"
    content = json.loads(urllib3.request("GET", url, retries=False).data)
    return content["now"], [tick for tick, *electrodes in content["pulses"] if electrodes]


GUARDS = []


@pytest.fixture(autouse=True)
def _close_guards():
    yield
    while GUARDS:
        GUARDS.pop().close()


def guarded(url="meame://simulator"):
    """A stimulator with the guard of this run directory, which is closed after the test."""
    GUARDS.append(watchdog_link())
    return open_stimulator(url, GUARDS[-1])


def opened(url="meame://simulator"):
    """A stimulator that has had the watchdog's answer."""
    stimulator = guarded(url)
    stimulator.open()
    wait(lambda: stimulator.watch() is None or "watchdog" not in stimulator.watch())
    return stimulator


def _live(stimulator):
    while True:
        stimulator.watch()
        time.sleep(0.01)


def _prepared():
    """A stimulator with a train set up, however often a loaded machine makes that fail."""
    stimulator = _opened_patiently()
    while True:
        try:
            stimulator.prepare(LONG)
            return stimulator
        except DeviceError:
            stimulator.watch()


def _opened_patiently():
    be_patient(pytest.MonkeyPatch())  # this process was made for it
    return opened()


def _stimulate_for_ever(started):
    stimulator = _prepared()
    stimulator.start(LONG)
    started.set()
    _live(stimulator)


def _prepare_and_wait(started):
    stimulator = _prepared()
    started.set()
    _live(stimulator)


def _open_in_doubt(started):
    """After another that has left its electrodes connected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crepe.hw.meame.stimulator.stop_dsp", lambda control, beat: ["a doubt"])
        stimulator = _opened_patiently()
        stimulator.control.write([Register.HW_ENABLE], [1])
        assert "NOT VERIFIED: a doubt" in stimulator.watch()
    started.set()
    _live(stimulator)


@contextmanager
def process(target):
    started = SPAWN.Event()
    process = SPAWN.Process(target=target, args=(started,))
    process.start()
    try:
        assert started.wait(60)
        yield process
    finally:
        process.kill()
        process.join()


@pytest.fixture
def train(simulator, watchdog):
    """A process with a long train under way, and the watchdog beside it."""
    with process(_stimulate_for_ever) as running:
        wait(lambda: len(pulses(simulator)[1]) > 3)
        yield running


def pulses_until_silence(simulator):
    """Wait until no pulse has come for a second; the ticks of all pulses."""

    def silent():
        now, ticks = pulses(simulator)
        return ticks if now - max(ticks) > SECOND else None

    return wait(silent)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_watchdog_stops_the_pulses_of_a_stimulator_that_died_or_hangs(simulator, train, number):
    os.kill(train.pid, number)
    assert len(pulses_until_silence(simulator)) < LONG.n_pulses


def test_the_address_is_resolved_once_and_announced_in_numbers(simulator, watchdog, monkeypatch):
    url = f"meame://localhost:{simulator.http_port}"
    stimulator = opened(url)
    assert announced(paths.run_directory()).host == "127.0.0.1"

    def no_name_server(*arguments, **options):
        assert options.get("flags") or len(arguments) > 5, "a name is resolved again"
        return lookup(*arguments, **options)

    lookup = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", no_name_server)
    stimulator.prepare(LONG)
    stimulator.start(LONG)
    stimulator.stop()
    assert emergency_stop.stop([paths.run_directory()], "", lambda text: None)
    stimulator.close()


def is_connected(simulator):
    return simulator.instrument.dsp.read(Register.HW_ENABLE) != 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_watchdog_takes_electrodes_off_that_were_only_connected(simulator, watchdog, number):
    with process(_prepare_and_wait) as stimulator:
        assert is_connected(simulator)
        os.kill(stimulator.pid, number)
        wait(lambda: not is_connected(simulator))
    assert pulses(simulator)[1] == []


def test_a_stimulator_that_could_not_stop_at_first_stops_a_moment_later(simulator, watchdog):
    with process(_open_in_doubt):
        wait(lambda: not is_connected(simulator))


def test_the_watchdog_watches_a_stimulator_that_could_not_stop(simulator, watchdog):
    with process(_open_in_doubt) as stimulator:
        os.kill(stimulator.pid, signal.SIGKILL)
        wait(lambda: not is_connected(simulator))


def test_a_set_up_ends_where_it_is_stopped_and_its_electrodes_are_not_connected(
    simulator, watchdog, monkeypatch
):
    stimulator = opened()
    call = HttpControl.call

    def latched_meanwhile(self, function, arguments):
        call(self, function, arguments)
        arming.latch(paths.run_directory(), "somebody")

    monkeypatch.setattr(HttpControl, "call", latched_meanwhile)
    with pytest.raises(DeviceError, match="stopped by somebody"):
        stimulator.prepare(LONG)
    assert not is_connected(simulator)
    stimulator.close()


def test_a_stimulator_that_hung_goes_on_disarmed(simulator, train):
    before = announced(paths.run_directory()).stimulator
    os.kill(train.pid, signal.SIGSTOP)
    pulses_until_silence(simulator)
    os.kill(train.pid, signal.SIGCONT)
    wait(lambda: announced(paths.run_directory()).stimulator != before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_without_a_live_watchdog_nothing_is_stimulated(simulator, watchdog, number):
    stimulator = opened()
    stimulator.prepare(LONG)
    assert stimulator.watch() is None
    watchdog.send_signal(number)
    wait(stimulator.watch)
    with pytest.raises(DeviceError, match="the watchdog has not answered"):
        stimulator.start(LONG)
    stimulator.close()
    assert pulses(simulator)[1] == []


def test_the_emergency_stop_ends_a_train_at_once_and_is_latched(simulator, train):
    lines = []
    assert emergency_stop.stop([paths.run_directory()], "", lines.append)
    stopped, _ = pulses(simulator)
    assert "stop proved" in lines[-1]
    assert max(pulses_until_silence(simulator)) <= stopped
    train.kill()
    train.join()
    stimulator = opened()
    assert "stopped by crepe stop" in stimulator.watch()
    arming.arm(paths.run_directory(), 1.0)
    assert stimulator.watch() is None
    stimulator.close()


def test_the_emergency_stop_reaches_a_train_of_another_directory_and_latches_that(
    simulator, train, tmp_path
):
    elsewhere = paths.private(tmp_path / "elsewhere")
    lines = []
    assert emergency_stop.stop([elsewhere, paths.run_directory()], "", lines.append)
    stopped, _ = pulses(simulator)
    assert "stop proved" in lines[-1]
    assert max(pulses_until_silence(simulator)) <= stopped
    for directory in (elsewhere, paths.run_directory()):
        assert "stopped by crepe stop" in arming.refusal(directory, "x", is_simulator=True)


def test_the_emergency_stop_does_not_wait_for_a_lock_that_a_hung_program_holds(simulator):
    opened_without_watchdog = guarded()
    opened_without_watchdog.open()
    with instrument_lock(paths.run_directory(), 1.0):
        assert emergency_stop.stop([paths.run_directory()], "", lambda text: None)
        with pytest.raises(DeviceError, match="another program talks to the instrument"):
            opened_without_watchdog.prepare(LONG)
    opened_without_watchdog.close()


def test_a_disk_that_is_full_does_not_keep_the_emergency_stop_from_stopping(
    simulator, train, monkeypatch
):
    def full(path, content):
        raise OSError(28, "No space left on device")

    def no_file(path, flags, mode):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paths, "write_json", full)
    monkeypatch.setattr("crepe.safety.instrument_lock.os.open", no_file)
    lines = []
    assert emergency_stop.stop([paths.run_directory()], "", lines.append)
    stopped, _ = pulses(simulator)
    assert "latched in memory" in lines[0]
    assert "stop proved" in lines[-1]
    assert max(pulses_until_silence(simulator)) <= stopped


def test_after_an_early_stop_electrodes_are_connected_only_when_the_pattern_would_be_over(
    simulator, watchdog
):
    stimulator = opened()
    train = replace(LONG, n_pulses=40)
    stimulator.prepare(train)
    began, _ = pulses(simulator)
    stimulator.start(train)
    stimulator.stop()
    refused = []

    def is_prepared():
        try:
            stimulator.prepare(train)
        except DeviceError as error:
            refused.append(str(error))
        return is_connected(simulator)

    wait(is_prepared)
    assert "what was fired last may play for" in refused[0]
    assert pulses(simulator)[0] - began > 1.9 * SECOND
    stimulator.close()


def test_a_restarted_stimulator_waits_for_a_pattern_that_it_did_not_fire(
    simulator, watchdog, monkeypatch
):
    monkeypatch.setattr("crepe.hw.meame.stimulator._SUB_TRAIN_S", 60.0)
    simulator.instrument.dsp.write(Register.HW_ENABLE, 1)
    stimulator = opened()
    with pytest.raises(DeviceError, match="what was fired last may play for"):
        stimulator.prepare(LONG)
    stimulator.close()


def test_a_watchdog_that_is_told_to_end_stops_the_train_first(simulator, watchdog, train):
    watchdog.terminate()
    assert watchdog.wait(60) == 0
    left, _ = pulses(simulator)
    assert max(pulses_until_silence(simulator)) <= left


def test_a_server_that_fails_once_is_asked_to_stop_again(simulator, watchdog):
    stimulator = opened()
    stimulator.prepare(LONG)
    stimulator.start(LONG)
    simulator.faults.errors = 4
    stimulator.stop()
    pulses_until_silence(simulator)
    stimulator.close()


def test_the_emergency_stop_says_not_verified_where_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(emergency_stop, "_TRY_S", 0.3)
    lines = []
    assert not emergency_stop.stop([tmp_path], "127.0.0.1:9", lines.append)
    assert "NOT VERIFIED" in lines[-1]
    assert not emergency_stop.stop([tmp_path], "", lines.append)
    assert "NOT VERIFIED: no stimulator has run here" in lines[-1]
    assert arming.refusal(tmp_path, "x", is_simulator=True).startswith("stopped by crepe stop")


def test_an_instrument_that_proves_nothing_is_stimulated_only_while_it_is_armed(
    simulator, watchdog
):
    (paths.run_directory() / "simulator.json").unlink()
    stimulator = opened(f"meame://127.0.0.1:{simulator.http_port}")
    with pytest.raises(DeviceError, match="not armed"):
        stimulator.prepare(LONG)
    assert not is_connected(simulator)
    arming.arm(paths.run_directory(), 1.0)
    stimulator.prepare(LONG)
    stimulator.start(LONG)
    wait(lambda: len(pulses(simulator)[1]) > 2)
    stimulator.close()
    GUARDS.pop().close()
    again = opened(f"meame://127.0.0.1:{simulator.http_port}")
    assert again.watch() == "not armed; `crepe arm`"
    again.close()


def test_what_was_a_simulator_and_proves_it_no_more_has_to_be_armed(simulator, watchdog):
    stimulator = opened(f"meame://127.0.0.1:{simulator.http_port}")
    stimulator.prepare(LONG)
    stimulator.stop()
    simulator.nonce = "of something else on the same port"
    with pytest.raises(DeviceError, match="not armed"):
        stimulator.prepare(LONG)
    assert not is_connected(simulator)
    stimulator.close()


def test_a_stimulator_of_the_simulator_follows_it_and_no_other(simulate, watchdog):
    with simulate():
        stimulator = opened()
    with simulate() as another:
        with suppress(DeviceError):  # the watchdog has not heard its new name yet
            stimulator.prepare(LONG)
        wait(lambda: stimulator.watch() is None)
        stimulator.prepare(LONG)
        assert is_connected(another)
        another.nonce = "of something else on the same port"
        with pytest.raises(DeviceError, match="does not prove that it is our simulator"):
            stimulator.prepare(LONG)
        stimulator.close()


# Two experiments at one instrument

OTHERS = replace(LONG, electrodes=("38", "28"), phases=((-15.0, 200.0), (15.0, 200.0)))


def test_a_second_experiment_gets_no_hold_of_an_instrument_and_does_not_disturb_the_first(
    simulator, train, tmp_path, monkeypatch
):
    url = f"meame://localhost:{simulator.http_port}"
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "w"))
    second = guarded(url)
    with pytest.raises(DeviceError, match=f"process {train.pid} .* one experiment at a time"):
        second.open()
    n = len(pulses(simulator)[1])
    wait(lambda: len(pulses(simulator)[1]) > n + 10)
    second.close()


@pytest.fixture
def another(simulator, watchdog):
    """A client of the instrument that no lease keeps away, as one of another machine."""
    stimulator = open_stimulator("meame://simulator", InProcess())
    yield stimulator
    stimulator.close()


def electrodes_with_pulses(simulator):
    url = f"http://127.0.0.1:{simulator.http_port}/simulator/pulses?after=0"
    content = json.loads(urllib3.request("GET", url, retries=False).data)
    return [electrodes for _, *electrodes in content["pulses"]]


def test_what_another_client_has_connected_is_not_fired(simulator, another):
    stimulator = opened()
    another.open()
    stimulator.prepare(LONG)
    another.prepare(OTHERS)
    with pytest.raises(NotStarted, match="register 9158: reads .*, must be"):
        stimulator.start(LONG)
    assert electrodes_with_pulses(simulator) == []
    stimulator.close()


@pytest.mark.parametrize(
    ("register", "value"),
    [
        (Register.HW_ENABLE, 0),
        (Register.HW_ENABLE + 4, 1),
        (Register.HW_DAC_SELECT, 0),
        (Register.HW_DAC_SELECT + 12, 1),
        (Register.HW_MODE, 0),
        (Register.DAC_MODE, 0x3F00),  # voltage in place of current
        (Register.TRIGGER_REPEATS, 1000),
        (Register.DAC_TRIGGER, 0),
        (Register.TRIGGER_CTRL, 0),
        (Register.HW_BLANKING, 0),
    ],
)
def test_any_register_that_was_changed_since_the_set_up_keeps_a_train_from_being_fired(
    simulator, watchdog, register, value
):
    stimulator = opened()
    stimulator.prepare(LONG)
    stimulator.control.write([register], [value])
    with pytest.raises(NotStarted, match=f"register {register:04X}: reads"):
        stimulator.start(LONG)
    assert electrodes_with_pulses(simulator) == []
    stimulator.stop()
    with suppress(DeviceError):  # it does not read back what it did not set again this time
        stimulator.prepare(LONG)
    stimulator.stop()
    stimulator.prepare(LONG)  # everything is set again
    stimulator.start(LONG)
    wait(lambda: electrodes_with_pulses(simulator))
    stimulator.close()


@contextmanager
def path_to(simulator):
    """A way to the simulator that can be cut; gives its port and what cuts it."""
    with socket.create_server(("127.0.0.1", 0)) as gate:
        ends = []

        def carry(source, target):
            with suppress(OSError):
                while data := source.recv(1 << 16):
                    target.sendall(data)

        def accept():
            with suppress(OSError):
                while True:
                    near, _ = gate.accept()
                    far = socket.create_connection(("127.0.0.1", simulator.http_port))
                    ends.extend((near, far))
                    for end in (near, far):
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=carry, args=pair, daemon=True).start()

        def cut():
            for end in (gate, *ends):
                with suppress(OSError):  # it is cut already
                    end.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=accept, daemon=True).start()
        yield gate.getsockname()[1], cut
        cut()
        for end in ends:
            end.close()


def test_after_the_path_is_cut_only_the_rest_of_a_finite_train_comes(simulator, watchdog):
    with path_to(simulator) as (port, cut):
        stimulator = opened(f"meame://127.0.0.1:{port}")
        train = replace(LONG, n_pulses=30)
        arming.arm(paths.run_directory(), 1.0)
        stimulator.prepare(train)
        stimulator.start(train)
        wait(lambda: len(pulses(simulator)[1]) > 3)
        cut()
        with pytest.raises(DeviceError, match="NOT STOPPED for certain"):
            stimulator.stop()
        assert len(pulses_until_silence(simulator)) == 30
        assert stimulator.watch().startswith("the instrument's state is NOT VERIFIED")
        stimulator.close()


def test_registers_that_do_not_read_back_keep_a_train_from_being_prepared(
    simulator, watchdog, monkeypatch
):
    stimulator = opened()
    write = HttpControl.write

    def without_mode(self, addresses, values):
        kept = [(a, v) for a, v in zip(addresses, values, strict=True) if a != Register.DAC_MODE]
        write(self, [a for a, _ in kept], [v for _, v in kept])

    monkeypatch.setattr(HttpControl, "write", without_mode)
    with pytest.raises(DeviceError, match="register 9100: reads 0x3f00, must be 0x0"):
        stimulator.prepare(LONG)
    stimulator.close()


class Hurried(InProcess):
    """A guard with little time left until the train is too old."""

    def left_s(self):
        return 0.2


def test_a_trigger_that_is_not_acknowledged_in_time_is_a_failure_and_the_stop_fires_nothing(
    simulator,
):
    stimulator = open_stimulator("meame://simulator", Hurried())
    stimulator.open()
    train = replace(LONG, n_pulses=5)
    stimulator.prepare(train)
    before, _ = pulses(simulator)
    write = stimulator.control.write

    def late(addresses, values, within_s):
        simulator.faults.late, simulator.faults.late_s = 1, 3.0
        write(addresses, values, within_s)

    stimulator.control.write = late
    with pytest.raises(DeviceError, match=r"no whole answer within 0\.2 s"):
        stimulator.start(train)
    stimulator.control.write = write
    stimulator.stop()
    assert pulses(simulator, before)[1] == []
    stimulator.close()
