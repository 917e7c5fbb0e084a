"""Attempts to stop an instrument through the program that owns its only connection.

Those at a server are tested with the emergency stop and the watchdog.
"""

import json
import socket
import threading
from contextlib import contextmanager

import pytest

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.hw.rhx.service import wait_connected
from crepe.safety import emergency_stop
from crepe.safety.emergency_stop import EmergencyStop
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.safety.protocol.datagrams import Heartbeat, pack
from crepe.safety.protocol.orders import WATCHDOG_SOCKET
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
