"""Attempts to stop an instrument: when they end, how long each may take, and what they report.

Some through the program that owns its only connection; those at a server are tested with the
emergency stop and the watchdog.
"""

import json
import socket
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import Address, RemoteStop, StopReport
from crepe.hw.rhx.service import wait_connected
from crepe.safety import emergency_stop, pursuit
from crepe.safety.emergency_stop import EmergencyStop
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.safety.protocol.datagrams import Heartbeat, pack
from crepe.safety.protocol.orders import WATCHDOG_SOCKET
from crepe.safety.pursuit import Pursuit
from crepe.safety.watchdog import Watchdog
from tests.running_rhx import running_rhx, running_service, wait_for

OWN = ProcessIdentity.own()


@pytest.fixture(autouse=True)
def _own_run_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))


def instrument():
    return Instrument("7-abc", OWN, str(paths.run_directory() / "rhx.sock"), 0, stop="rhx")


@contextmanager
def answering(answer):
    """A program on the socket that gives one answer, or none."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(paths.run_directory() / "rhx.sock"))
        server.listen()

        def serve():
            try:
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(1000)
                        if answer is not None:
                            client.sendall(json.dumps(answer).encode() + b"\n")
                        client.recv(1)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


def stop(wait_s=60.0):
    announce(paths.run_directory(), instrument())
    lines = []
    attempts = EmergencyStop([paths.run_directory()], "", by="a test")
    try:
        return attempts.answer(lines.append, wait_s), lines
    finally:
        attempts.call_off()


def test_crepe_stop_stops_rhx_and_says_what_is_not_proved():
    with running_rhx() as rhx:
        rhx.click()
        with running_service() as session:
            wait_connected(session, 60)
            rhx.begin_run("Run")
            is_verified, lines = stop()
            assert not is_verified
            assert any(
                f"RHX 127.0.0.1:{rhx.port}: NOT VERIFIED: the instrument reports that it has "
                "stopped; its outputs were not read back" in line
                for line in lines
            )
            wait_for(lambda: not rhx.is_hardware_running)


@pytest.mark.parametrize("answer", [None, {"doubts": ["runmode Run"], "name": "RHX"}])
def test_a_stop_that_the_program_cannot_give_is_not_verified(answer):
    with answering(answer):
        is_verified, lines = stop(0.3)
    assert not is_verified
    assert any("NOT VERIFIED" in line for line in lines)
    assert "Switch the stimulator off by hand" in lines[-1]


def test_a_dead_program_is_said_loudly(monkeypatch):
    monkeypatch.setattr(emergency_stop, "_TRY_S", 0.2)
    is_verified, lines = stop()
    assert not is_verified
    assert any("press Stop on the RHX computer" in line for line in lines)


def test_the_watchdog_stops_rhx_when_the_stimulator_is_silent():
    now_ns = [5_000_000_000]
    directory = paths.run_directory()
    with running_rhx() as rhx:
        rhx.click()
        with running_service() as session:
            wait_connected(session, 60)
            rhx.begin_run("Run")
            announced = []
            watchdog = Watchdog(directory, announced.append, lambda: now_ns[0])
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stimulator:
                stimulator.sendto(
                    pack(Heartbeat(instrument(), True)), str(directory / WATCHDOG_SOCKET)
                )
                watchdog.step()
            now_ns[0] += 1_000_000_000
            wait_for(lambda: (watchdog.step(), announced)[1])
            assert "the watchdog tried to stop the instrument" in announced[0]
            wait_for(lambda: not rhx.is_hardware_running)
            watchdog.close()


PROVED = StopReport(StopEvidence.PROVED)
DOUBTED = StopReport(StopEvidence.PROVED, ("electrodes still enabled",))
ADDRESS = Address("192.0.2.1", 8888)


class Scripted(RemoteStop):
    """Attempts with outcomes that are given in advance, on a clock that they move."""

    name = "scripted"

    def __init__(self, *outcomes):
        super().__init__(ADDRESS)
        self.outcomes = list(outcomes)
        self.now_s = 100.0
        self.takes_s = 0.0  # time for an attempt
        self.attempts = []  # (call_s, left_s) of each
        self.pauses_s = []
        self.joins_s = []
        self.during = lambda: None

    def attempt(self, call_s, left_s, alone):
        self.attempts.append((call_s, left_s))
        with alone():
            self.during()
        self.now_s += self.takes_s
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def scripted(monkeypatch):
    stops = []

    class Event(threading.Event):
        def wait(self, timeout=None):
            stops[0].pauses_s.append(timeout)
            stops[0].now_s += timeout

    class Thread(threading.Thread):
        def join(self, timeout=None):
            stops[0].joins_s.append(timeout)
            super().join(60)

    def make(*outcomes):
        stops.append(Scripted(*outcomes))
        names = {"Event": Event, "Thread": Thread, "TIMEOUT_MAX": threading.TIMEOUT_MAX}
        monkeypatch.setattr(pursuit, "threading", SimpleNamespace(**names))
        monkeypatch.setattr(pursuit, "time", SimpleNamespace(monotonic=lambda: stops[0].now_s))
        monkeypatch.setattr(pursuit, "open_stop", lambda address: stops[0])
        return stops[0]

    return make


def ended(directory=None, last=None, **settings):
    """A pursuit whose attempts have ended."""
    ends = []
    attempts = Pursuit(directory, ADDRESS, last, on_end=ends.append, **settings)
    attempts.wait(3.0)
    assert attempts.is_over
    assert ends == [attempts]
    return attempts


def test_each_attempt_gives_the_instrument_twice_as_long_up_to_a_limit(scripted):
    stop = scripted(*[DOUBTED] * 5, PROVED)
    attempts = ended()
    assert [call_s for call_s, _ in stop.attempts] == [0.3, 0.6, 1.2, 2.4, 2.4, 2.4]
    assert stop.pauses_s == [0.1] * 5
    assert attempts.stopped_s == pytest.approx(0.5)
    assert attempts.is_verified
    assert attempts.report == PROVED


@pytest.mark.parametrize(
    ("report", "evidence", "is_verified"),
    [
        (PROVED, StopEvidence.PROVED, True),
        (StopReport(StopEvidence.REPORTED), StopEvidence.REPORTED, False),
        (DOUBTED, StopEvidence.ASKED, False),  # an attempt that does not count proves nothing
    ],
)
def test_only_an_attempt_that_counts_is_evidence(scripted, report, evidence, is_verified):
    scripted(report)
    attempts = ended(try_s=0.0)
    assert (attempts.evidence, attempts.is_verified) == (evidence, is_verified)
    assert attempts.report == report


def test_no_attempt_begins_that_would_begin_after_the_time(scripted):
    stop = scripted(DOUBTED, DOUBTED, DOUBTED)
    stop.takes_s = 0.4
    attempts = ended(try_s=0.5)
    assert stop.attempts == [(0.3, 0.5)]
    assert attempts.elapsed_s == pytest.approx(0.4)
    assert not attempts.is_called_off


def test_an_attempt_that_begins_in_time_is_finished_and_counts(scripted):
    stop = scripted(DOUBTED, PROVED)
    stop.takes_s = 0.3
    attempts = ended(try_s=0.5)
    assert attempts.is_verified
    assert attempts.stopped_s == pytest.approx(0.7)


def test_attempts_know_the_time_that_is_left_and_without_a_limit_there_is_the_longest(scripted):
    stop = scripted(DOUBTED, PROVED)
    stop.takes_s = 0.5
    ended(try_s=5.0)
    assert [left_s for _, left_s in stop.attempts] == [5.0, pytest.approx(4.4)]
    stop.outcomes = [PROVED]
    ended()
    assert stop.attempts[-1] == (0.3, threading.TIMEOUT_MAX)


def test_attempts_that_are_called_off_are_not_repeated(scripted):
    stop = scripted(DOUBTED, PROVED)
    begun, go_on = threading.Event(), threading.Event()
    stop.during = lambda: (begun.set(), go_on.wait(60))
    attempts = Pursuit(None, ADDRESS)
    assert begun.wait(60)
    assert not attempts.is_over
    assert not attempts.is_called_off
    assert attempts.evidence == StopEvidence.ASKED
    attempts.call_off()
    go_on.set()
    attempts.wait(-1.0)
    assert attempts.is_over
    assert attempts.is_called_off
    assert len(stop.attempts) == 1
    assert stop.joins_s == [0.0]


def test_an_attempt_that_counts_is_not_called_off_afterwards(scripted):
    scripted(PROVED)
    attempts = ended()
    attempts.call_off()
    assert not attempts.is_called_off


def test_the_attempts_do_not_keep_a_program_alive(scripted):
    scripted(PROVED)
    assert ended()._thread.daemon


@pytest.mark.parametrize(
    ("error", "doubt"),
    [
        (RuntimeError("it burns"), "scripted: it burns"),
        (RuntimeError(), "scripted: RuntimeError()"),
        (RecursionError("deep"), "scripted: deep"),
    ],
)
def test_an_error_is_a_doubt_and_the_next_attempt_follows(scripted, error, doubt):
    stop = scripted(error, PROVED)
    stop.during = lambda: reports.append(attempts[0].report) if stop.attempts[1:] else None
    reports, attempts = [], []
    go_on = threading.Event()
    begin, stop.during = stop.during, lambda: (go_on.wait(60), begin())
    attempts.append(Pursuit(None, ADDRESS))
    go_on.set()
    attempts[0].wait(0.0)
    assert reports == [StopReport(StopEvidence.ASKED, (doubt,))]
    assert attempts[0].is_verified


def test_an_instrument_without_a_stop_is_not_tried_again(scripted, monkeypatch):
    stop = scripted(PROVED)

    def refuse(address):
        raise ConfigError("it has none")

    monkeypatch.setattr(pursuit, "open_stop", refuse)
    attempts = ended()
    assert attempts.report == StopReport(StopEvidence.ASKED, ("it has none",))
    assert attempts.name == "192.0.2.1:8888"
    assert (stop.attempts, stop.pauses_s) == ([], [])


@pytest.mark.parametrize("has_directory", [False, True])
def test_a_lock_is_broken_where_there_is_a_directory_to_lock_in(
    scripted, monkeypatch, tmp_path, has_directory
):
    locks, inside = [], []

    @contextmanager
    def lock(*arguments, **options):
        locks.append((arguments, options))
        yield

    monkeypatch.setattr(pursuit, "instrument_lock", lock)
    stop = scripted(PROVED)
    stop.during = lambda: inside.append(len(locks))
    assert ended(tmp_path if has_directory else None).name == "scripted"
    assert inside == [int(has_directory)]
    assert locks == ([((tmp_path, 0.1), {"may_break": True})] if has_directory else [])


@pytest.mark.parametrize("objection", ["", "another simulator has its address"])
def test_nothing_is_written_to_an_instrument_that_has_the_address_by_now(scripted, objection):
    asked = []

    class Last:
        def objection(self, call_s, left_s):
            asked.append((call_s, left_s))
            return objection

    stop = scripted(PROVED)
    attempts = ended(last=Last(), try_s=0.2)
    assert asked == [(0.3, 0.3)]  # one request in any case
    assert attempts.is_of_others == attempts.is_called_off == bool(objection)
    assert len(stop.attempts) == (not objection)
    if objection:
        (doubt,) = attempts.report.doubts
        assert doubt.startswith(f"scripted: {objection}; nothing was written to it")
        assert attempts.report.evidence == StopEvidence.ASKED
