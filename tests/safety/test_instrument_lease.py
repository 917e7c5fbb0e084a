"""One experiment at one instrument, whatever directories they use."""

import errno
import multiprocessing
import os
import socket
import sys
import time

import pytest

from crepe.errors import DeviceError
from crepe.hw.instrument import Address
from crepe.safety import instrument_lease
from crepe.safety.instrument_lease import InstrumentLease, holder
from crepe.safety.watchdog_link import WatchdogLink

ELSEWHERE = "192.0.2.7"  # an address that is never one of this machine


@pytest.fixture
def port():
    """A port of this machine that no other test has a lease of."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(params=["socket", "file"])
def kind(request, monkeypatch, tmp_path):
    """Both kinds of lease, wherever the test runs."""
    if request.param == "file":
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.setattr(instrument_lease.sys, "platform", "darwin")
    elif sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")


def test_an_instrument_has_one_lease_at_a_time(kind, port):
    first = InstrumentLease(ELSEWHERE, port)
    with pytest.raises(DeviceError, match=f"instrument {ELSEWHERE}:{port}: .* stimulates with it"):
        InstrumentLease(ELSEWHERE, port)
    InstrumentLease("192.0.2.8", port).release()
    first.release()
    first.release()
    InstrumentLease(ELSEWHERE, port).release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows who has a lease")
def test_who_has_a_lease_can_be_seen(port):
    assert holder(ELSEWHERE, port) == ""
    lease = InstrumentLease(ELSEWHERE, port)
    assert holder(ELSEWHERE, port) == f"process {os.getpid()} of user {os.getuid()}"
    lease.release()
    assert holder(ELSEWHERE, port) == ""


def test_all_addresses_of_this_machine_are_one(kind, port):
    lease = InstrumentLease("127.0.0.1", port)
    assert lease.is_of("127.0.0.2", port)
    assert not lease.is_of(ELSEWHERE, port)
    with pytest.raises(DeviceError, match="stimulates with it"):
        InstrumentLease("127.0.0.2", port)
    lease.release()


def test_a_program_that_owns_an_instrument_is_no_address_of_this_machine(kind, port):
    """RHX and others by the path of a socket: two of them are two instruments."""
    leases = [InstrumentLease(path, port) for path in ("/run/a.sock", "/run/b.sock", "127.0.0.1")]
    with pytest.raises(DeviceError, match="stimulates with it"):
        InstrumentLease("/run/a.sock", port)
    for lease in leases:
        lease.release()


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_a_name_that_no_socket_can_have_gets_no_lease(port):
    with pytest.raises(DeviceError, match=f"instrument /{'x' * 200}:{port}: no lease: "):
        InstrumentLease("/" + "x" * 200, port)


@pytest.mark.parametrize("kind", ["file"], indirect=True)
def test_a_lease_that_the_disk_does_not_give(kind, port, monkeypatch, tmp_path):
    closed = []

    def no_lock(number):
        closed.append(number)
        raise OSError(errno.ENOLCK, "No locks available")

    InstrumentLease(ELSEWHERE, port).release()
    (path,) = tmp_path.rglob("*.lock")
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(instrument_lease, "lock", no_lock)
    with pytest.raises(DeviceError, match=f"{ELSEWHERE}:{port}: no lease: No locks available"):
        InstrumentLease(ELSEWHERE, port)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(closed[0])


def _hold(port, is_held):
    lease = InstrumentLease(ELSEWHERE, port)
    is_held.set()
    while lease:
        time.sleep(1)


def test_the_holder_is_named_and_its_death_frees_the_instrument(port):
    context = multiprocessing.get_context("spawn")
    is_held = context.Event()
    child = context.Process(target=_hold, args=(port, is_held))
    child.start()
    try:
        assert is_held.wait(60)
        with pytest.raises(DeviceError) as refused:
            InstrumentLease(ELSEWHERE, port)
        if sys.platform == "linux":
            assert f"process {child.pid} of user {os.getuid()}" in str(refused.value)
    finally:
        child.kill()
        child.join()
    InstrumentLease(ELSEWHERE, port).release()


def test_the_guard_of_a_second_experiment_refuses_the_instrument_of_the_first(tmp_path, port):
    links = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        links.append(WatchdogLink(tmp_path / name))
    first, second = links
    first.drives(Address("127.0.0.1", port), is_simulator=True)
    with pytest.raises(DeviceError, match="one experiment at a time"):
        second.drives(Address("127.0.0.1", port), is_simulator=True)
    assert second.refusal() == "no instrument is announced"
    first.drives(Address("127.0.0.1", port), is_simulator=False)  # the same one again
    first.drives(Address(ELSEWHERE, port), is_simulator=False)  # it has moved
    second.drives(Address("127.0.0.1", port), is_simulator=True)
    for link in links:
        link.close()
