"""Where nothing runs any more, a stop writes to no server that others have at the address now."""

import re
import socket
import threading

import pytest

from crepe.environment.process_identity import ProcessIdentity
from crepe.safety import emergency_stop
from crepe.safety.instrument_lease import InstrumentLease
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.safety.watchdog import Watchdog
from tests.misbehaving_server import misbehaving

OWN = ProcessIdentity.own()
GONE = OWN._replace(start="1")  # a stranger has its pid


@pytest.fixture(autouse=True)
def stopped(monkeypatch):
    """Every stop of an instrument is verified; gives their ports."""
    ports = []

    def stop_dsp(control):
        ports.append(control.server.http_port)
        return []

    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", stop_dsp)
    return ports


def stop(directory):
    lines = []
    return emergency_stop.stop([directory], "", lines.append), lines


def test_the_operator_reads_that_nothing_runs_and_what_is_stopped_since_when(tmp_path, stopped):
    with misbehaving("works") as server:
        announce(tmp_path, Instrument("7-abc", GONE, "127.0.0.1", server.port))
        is_verified, lines = stop(tmp_path)
    assert is_verified
    assert stopped == [server.port]
    assert re.fullmatch(
        rf"no stimulator runs in {tmp_path}; the last one has driven meame://127.0.0.1:"
        rf"{server.port}, announced on \d{{4}}-\d\d-\d\d at \d\d:\d\d:\d\d",
        lines[1],
    )


@pytest.mark.parametrize(
    ("nonce", "fault", "reason"),
    [
        ("", "is a simulator", "a simulator of others has its address now"),
        ("n", "is a simulator", "its simulator has ended"),
        ("n", "works", "its simulator has ended"),
    ],
)
def test_nothing_is_written_to_another_simulator(tmp_path, stopped, nonce, fault, reason):
    with misbehaving(fault) as server:
        announce(tmp_path, Instrument("7-abc", GONE, "127.0.0.1", server.port, nonce))
        is_verified, lines = stop(tmp_path)
        assert not [path for path in server.requests if path.startswith("/DSP")]
    assert not is_verified
    assert not stopped
    assert lines[-1] == (
        f"NOT VERIFIED: meame://127.0.0.1:{server.port}: {reason}; nothing was written to it; name "
        "an instrument to stop it: --server HOST:PORT"
    )


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="leases of others are seen on Linux")
def test_nothing_is_written_to_what_another_program_stimulates_with(tmp_path, stopped):
    with misbehaving("works") as server:
        lease = InstrumentLease("127.0.0.1", server.port)
        announce(tmp_path, Instrument("7-abc", GONE, "127.0.0.1", server.port, "n"))
        # A simulator of its own is known by its nonce, whichever program stimulates with it.
        assert ": its simulator has ended;" in stop(tmp_path)[1][-1]
        announce(tmp_path, Instrument("7-abc", GONE, "127.0.0.1", server.port))
        is_verified, lines = stop(tmp_path)
        lease.release()
        assert not is_verified
        assert not stopped
        assert f"process {OWN.pid} of user" in lines[-1]
        assert stop(tmp_path)[0]  # the lease is free
        assert stopped == [server.port]


@pytest.mark.parametrize("fault", ["silent", "500", "resets"])
def test_an_instrument_of_which_nothing_is_known_is_stopped(tmp_path, stopped, fault):
    with misbehaving(fault) as server:
        announce(tmp_path, Instrument("7-abc", GONE, "127.0.0.1", server.port))
        assert stop(tmp_path)[0]
    assert stopped == [server.port]


def test_while_a_watchdog_runs_whatever_answers_is_stopped(tmp_path, stopped):
    """Its stimulator may have been killed a moment ago, and be restarted."""
    watchdog, is_over = Watchdog(tmp_path, lambda text: None), threading.Event()

    def run():
        while not is_over.is_set():
            watchdog.step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with misbehaving("is a simulator") as server:
            announce(tmp_path, Instrument("7-abc", GONE, "127.0.0.1", server.port))
            is_verified, lines = stop(tmp_path)
    finally:
        is_over.set()
        thread.join()
        watchdog.close()
    assert is_verified
    assert stopped == [server.port]
    assert len(lines) == 2
