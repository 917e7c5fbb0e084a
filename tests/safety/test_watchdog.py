"""The watchdog, step by step with an injected clock; with real programs in tests/hw/meame."""

import os
import signal
import socket
import threading
import time

import pytest

from crepe.environment.process_identity import ProcessIdentity
from crepe.safety import arming
from crepe.safety.protocol import orders
from crepe.safety.protocol.announcement import Instrument
from crepe.safety.protocol.datagrams import Answer, Heartbeat, Latch, pack, unpack
from crepe.safety.protocol.orders import WATCHDOG_SOCKET
from crepe.safety.watchdog import SILENT_S, Watchdog
from tests.misbehaving_server import misbehaving

SECOND = 1_000_000_000
OPEN = Latch()


class Bench:
    """A watchdog, and the stimulator's end of its socket."""

    def __init__(self, directory):
        self.directory = directory
        self.now_ns = 5000 * SECOND
        self.announced = []
        self.watchdog = Watchdog(directory, self.announced.append, lambda: self.now_ns)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "stimulator.sock"))
        self.socket.settimeout(10)

    def heartbeat(self, *, is_pulsing=True, port=9, latch=OPEN, stop="meame"):
        """A heartbeat, and the watchdog's answer."""
        instrument = Instrument("7-abc", ProcessIdentity.own(), "127.0.0.1", port, stop=stop)
        self.send(pack(Heartbeat(instrument, is_pulsing, latch)))
        assert not self.watchdog.step()
        answer = unpack(self.socket.recv(16384))
        assert isinstance(answer, Answer)
        return answer

    def send(self, data):
        self.socket.sendto(data, str(self.directory / WATCHDOG_SOCKET))

    def step_until(self, is_so):
        deadline = time.monotonic() + 30
        while not is_so():
            assert time.monotonic() < deadline
            assert not self.watchdog.step()


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    if bench.watchdog._pursuit is not None:
        bench.watchdog._pursuit.call_off()
    bench.watchdog.close()
    bench.socket.close()


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[" * 4000, b"{}", b"null", b'{"is_pulsing": 1}', b'{"kind": "Answer"}']
)
def test_a_datagram_that_is_none_does_not_end_the_watchdog(bench, data, caplog):
    bench.heartbeat()
    bench.send(data)
    assert not bench.watchdog.step()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
        nameless.sendto(data, str(bench.directory / WATCHDOG_SOCKET))
        nameless.sendto(
            pack(Heartbeat(bench.watchdog._instrument, True)),
            str(bench.directory / WATCHDOG_SOCKET),
        )
    for _ in range(2):
        assert not bench.watchdog.step()
    assert bench.heartbeat().stimulator == "7-abc"
    # once for both of them: a flood must not fill the disk
    assert [record.message for record in caplog.records] == [
        f"a datagram of {len(data)} bytes is none of CREPE's; ignored"
    ]


def test_a_new_watchdog_takes_the_place_of_one_that_was_killed(bench):
    bench.watchdog._socket.close()  # the socket's file is left behind
    bench.watchdog = Watchdog(bench.directory, bench.announced.append, lambda: bench.now_ns)
    assert bench.heartbeat().stimulator == "7-abc"


@pytest.mark.parametrize("fault", ["silent", "drips its head", "never ends its body"])
def test_a_server_that_never_answers_does_not_occupy_the_watchdog(bench, fault):
    with misbehaving(fault) as server:
        bench.heartbeat(port=server.port)
        bench.now_ns += SECOND
        assert not bench.watchdog.step()
        pursuit = bench.watchdog._pursuit
        bench.step_until(lambda: server.requests)
        # it listens, and lets no pulse through meanwhile
        answer = bench.heartbeat(port=server.port)
        assert (answer.stimulator, answer.stopped) == ("", "7-abc")
        # the stimulator is back: it stops the instrument itself
        bench.step_until(lambda: bench.watchdog._pursuit is not pursuit)
    assert bench.announced == []


# Silence


@pytest.fixture
def stops(monkeypatch):
    """The times of the attempts to stop, of which the first `stops.n_failures` fail."""

    class Stops(list):
        n_failures = 0

        def stop_dsp(self, control):
            self.append(time.monotonic())
            return ["a doubt"] if len(self) <= self.n_failures else []

    stops = Stops()
    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", stops.stop_dsp)
    return stops


def test_silence_in_a_train_stops_the_instrument_once_and_by_the_limit(bench, stops):
    assert SILENT_S == 0.5
    bench.heartbeat()
    bench.now_ns += SECOND // 2
    assert not bench.watchdog.step()
    assert bench.watchdog._pursuit is None
    bench.now_ns += 1
    bench.step_until(lambda: bench.announced)
    for _ in range(5):
        bench.now_ns += SECOND
        assert not bench.watchdog.step()
    assert len(stops) == 1


def test_heartbeats_within_the_limit_keep_the_train(bench, stops):
    for _ in range(20):
        bench.heartbeat()
        bench.now_ns += SECOND // 2
        assert not bench.watchdog.step()
    assert stops == []


def test_silence_without_a_train_stops_nothing(bench, stops):
    bench.now_ns += SECOND
    assert not bench.watchdog.step()
    bench.heartbeat(is_pulsing=False)
    bench.now_ns += SECOND
    assert not bench.watchdog.step()
    assert (bench.watchdog._pursuit, stops) == (None, [])


def test_the_stimulator_that_was_stopped_is_named_in_every_answer(bench, stops):
    assert bench.heartbeat().stopped == ""
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.announced)
    for _ in range(2):
        answer = bench.heartbeat()
        assert (answer.stimulator, answer.stopped) == ("7-abc", "7-abc")


def test_a_stop_by_the_watchdog_ends_the_arming(bench, stops):
    armed = bench.directory / arming.ARMED_FILE
    armed.write_text("{}")
    bench.heartbeat()
    assert armed.exists()
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.announced)
    assert not armed.exists()


def test_a_disk_that_is_full_does_not_keep_it_from_stopping(bench, stops, monkeypatch):
    def full(directory):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crepe.safety.arming.disarm", full)
    bench.heartbeat()
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.announced)
    assert len(stops) == 1


def test_a_sleep_of_the_computer_counts_as_silence(bench, monkeypatch):
    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", lambda control: [])
    bench.heartbeat()
    assert bench.watchdog._pursuit is None
    bench.now_ns += 9 * 3600 * SECOND
    bench.step_until(lambda: bench.announced)
    assert "the stimulator was silent for 32400.00 s" in bench.announced[0]


def test_attempts_go_on_until_one_is_verified_and_then_no_pulse_flows(bench, monkeypatch):
    doubts = iter([["a doubt"], ["a doubt"], []])
    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", lambda control: next(doubts))
    bench.heartbeat()
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.announced)
    bench.now_ns += SECOND
    assert not bench.watchdog.step()
    assert bench.watchdog._pursuit is None
    assert len(bench.announced) == 1


REPORTING = """
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import RemoteStop, StopReport


class Reporting(RemoteStop):
    def attempt(self, call_s, left_s, alone):
        return StopReport(StopEvidence.REPORTED)
"""


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("reporting_stop:Reporting", "NOT VERIFIED: the instrument reports that it has stopped"),
        ("", "only the program that drives it can stop it; the stop is NOT VERIFIED"),
    ],
)
def test_a_stop_that_is_not_proved_is_announced_as_such_and_ends_the_attempts(
    bench, tmp_path, monkeypatch, stop, text
):
    (tmp_path / "reporting_stop.py").write_text(REPORTING)
    monkeypatch.syspath_prepend(tmp_path)
    bench.heartbeat(stop=stop)
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.announced)
    assert "the watchdog tried to stop the instrument" in bench.announced[0]
    assert text in bench.announced[0]
    bench.now_ns += SECOND
    assert not bench.watchdog.step()
    assert bench.watchdog._pursuit is None
    assert len(bench.announced) == 1


def test_a_watchdog_that_is_told_to_end_stops_first(bench, monkeypatch):
    is_stopped = threading.Event()

    def stop_dsp(control):
        return [] if is_stopped.is_set() else ["a doubt"]

    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", stop_dsp)
    bench.heartbeat()
    bench.watchdog._end(15, None)
    for _ in range(5):
        assert not bench.watchdog.step()
    is_stopped.set()
    deadline = time.monotonic() + 30
    while not bench.watchdog.step():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_watchdog_without_a_train_at_once(bench, clock, number):
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    step = bench.watchdog.step

    def step_with_signal():
        os.kill(os.getpid(), number)
        return step()

    bench.watchdog.step = step_with_signal
    try:
        bench.watchdog.run()
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)
    assert bench.watchdog._is_ending


class Clock:
    """The clock of `_LEAVE_S`, which stands still unless the test moves it."""

    now_s = 0.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("crepe.safety.watchdog.time", clock)
    return clock


def test_after_sigterm_the_attempts_have_an_end(bench, stops, clock):
    stops.n_failures = 10_000
    bench.heartbeat()
    bench.watchdog._end(15, None)
    bench.step_until(lambda: len(stops) > 1)
    clock.now_s += 5.0
    assert not bench.watchdog.step()
    clock.now_s += 0.001
    assert bench.watchdog.step()


def test_an_orphan_does_not_leave_a_train_behind(bench, stops, clock, monkeypatch):
    stops.n_failures = 2
    bench.heartbeat()
    monkeypatch.setattr("crepe.safety.watchdog.is_orphan", lambda: True)
    clock.now_s += 3600.0
    deadline = time.monotonic() + 30
    while not bench.watchdog.step():
        assert time.monotonic() < deadline
    assert len(stops) == 3


def test_a_dead_disk_does_not_keep_the_watchdog_from_stopping(bench, monkeypatch):
    is_over = threading.Event()

    def hangs(*arguments):
        is_over.wait(60)
        raise OSError(5, "Input/output error")

    for name in ("crepe.safety.arming.disarm", "crepe.safety.instrument_lock._locked"):
        monkeypatch.setattr(name, hangs)
    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", lambda control: [])
    bench.heartbeat()
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.announced)
    is_over.set()


# The latch


def order(bench, send, *arguments):
    """The watchdog's state after an order, which a thread sends."""
    states = []
    thread = threading.Thread(target=lambda: states.append(send(bench.directory, *arguments)))
    thread.start()
    bench.step_until(lambda: not thread.is_alive())
    bench.socket.recv(16384)  # the stimulator gets it, too
    return states[0]


def test_the_watchdog_keeps_the_latch_in_memory_and_sends_it_to_each_stimulator(bench):
    assert not bench.heartbeat().latch.is_closed
    state = order(bench, orders.latch_in_memory, "crepe stop")
    assert state.latch.is_closed
    assert state.instrument.http_port == 9
    assert bench.heartbeat().latch == state.latch
    bench.now_ns += 1
    assert order(bench, orders.watchdog_state).latch == state.latch
    assert not order(bench, orders.release_in_memory).latch.is_closed
    assert not bench.heartbeat(latch=state.latch).latch.is_closed  # that one is older


def test_a_new_watchdog_takes_the_latch_over_from_the_stimulator(bench):
    latch = Latch(bench.now_ns - SECOND, "crepe stop")
    assert bench.heartbeat(latch=latch).latch == latch


def test_where_no_watchdog_runs_there_is_no_state(tmp_path):
    assert orders.latch_in_memory(tmp_path, "crepe stop") is None
    assert orders.watchdog_state(tmp_path / "nowhere") is None


def test_a_latch_in_memory_is_written_as_soon_as_the_disk_can_be_written(bench, monkeypatch):
    tries = []

    def read_only(path, content):
        tries.append(content["by"])
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("crepe.environment.paths.write_json", read_only)
        order(bench, orders.latch_in_memory, "crepe stop")
        assert not tries  # in the first second `crepe stop` writes it itself
        for n in (1, 2):
            bench.now_ns += SECOND
            bench.step_until(lambda n=n: len(tries) == n and bench.watchdog._writing is None)
    assert arming.stopped_by(bench.directory) is None
    bench.now_ns += SECOND
    bench.step_until(lambda: bench.watchdog._written.is_closed)
    assert arming.stopped_by(bench.directory).startswith("crepe stop at ")
    (bench.directory / arming.STOPPED_FILE).unlink()  # as an arming does, which then releases it
    order(bench, orders.release_in_memory)
    bench.now_ns += 10 * SECOND
    for _ in range(3):
        bench.heartbeat()
    assert arming.stopped_by(bench.directory) is None


def within(step):
    """Call it on a thread: one that waits for the disk fails the test."""
    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_a_disk_that_hangs_is_tried_once_at_a_time(bench, monkeypatch):
    is_over = threading.Event()
    tries = []

    def hangs(path, content):
        tries.append(content["by"])
        is_over.wait(60)

    monkeypatch.setattr("crepe.environment.paths.write_json", hangs)
    order(bench, orders.latch_in_memory, "crepe stop")
    for _ in range(5):
        bench.now_ns += SECOND
        within(bench.watchdog.step)
    bench.step_until(lambda: tries)
    within(bench.watchdog.step)  # waits for no write
    is_over.set()
    bench.step_until(lambda: bench.watchdog._written.is_closed)
    assert tries == ["crepe stop"]
