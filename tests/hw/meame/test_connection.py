"""Requests to servers that misbehave: each ends, with an error that says why."""

import socket
import threading
import time

import pytest

from crepe.errors import DeviceError
from crepe.hw.meame import connection
from crepe.hw.meame.connection import Connection, Unreachable, resolve
from tests.misbehaving_server import FAULTS, misbehaving

HUNG = 20.0  # a request that takes so long has no deadline


def within(function):
    """What a function returns or raises, on a thread: one that hangs fails the test."""
    results = []

    def run():
        try:
            results.append(function())
        except Exception as error:  # noqa: BLE001  # the test looks at it
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HUNG)
    assert not thread.is_alive(), "it has no deadline"
    return results[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_ends_whatever_the_server_does(fault):
    with misbehaving(fault) as server:
        client = Connection("127.0.0.1", server.port, 0.3)
        result = within(lambda: client.request("POST", "/DSP/write", b"{}"))
        client.close()
        assert server.requests == ["/DSP/write"]  # once, and no redirect is followed
    if fault in ("500", "302"):
        assert result[:2] == (int(fault), b"")
    elif fault != "sends a bad length":
        assert isinstance(result, DeviceError)
        assert not isinstance(result, Unreachable)
        assert str(result)


def test_an_answer_that_is_too_long_is_not_kept(monkeypatch):
    monkeypatch.setattr(connection, "LARGEST_ANSWER", 1000)
    with misbehaving("never ends its body") as server:
        client = Connection("127.0.0.1", server.port, 10.0)
        result = within(lambda: client.request("GET", "/", None))
        client.close()
    assert "more than 1000" in str(result)


def test_a_connection_is_used_again_and_opened_again_when_it_was_lost():
    with misbehaving("works") as server:
        client = Connection("127.0.0.1", server.port, 5.0)
        for _ in range(3):
            assert client.request("GET", "/", None)[:2] == (200, b"ok")
        assert len(server._ends) == 1
        server._ends[0].shutdown(socket.SHUT_RDWR)
        while client._socket is not None and connection._is_idle(client._socket):
            time.sleep(0.01)
        assert client.request("GET", "/", None)[:2] == (200, b"ok")
        assert len(server._ends) == 2
        client.close()


def test_where_no_server_listens_nothing_has_arrived():
    with pytest.raises(Unreachable):
        Connection("127.0.0.1", 9, 1.0).request("GET", "/", None)


def test_a_connection_never_resolves_a_name():
    with pytest.raises(Unreachable):
        Connection("localhost", 9, 1.0).request("GET", "/", None)


def test_a_numeric_address_needs_no_name_server(monkeypatch):
    lookup = socket.getaddrinfo

    def numeric_only(host, *arguments, **options):
        assert options.get("flags", 0) & socket.AI_NUMERICHOST
        return lookup(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", numeric_only)
    assert resolve("127.0.0.1", 8888, 0.1) == "127.0.0.1"
    assert resolve("[::1]", 8888, 0.1) == "::1"


def silent(is_over):
    lookup = socket.getaddrinfo

    def getaddrinfo(host, port, *arguments, flags=0):
        if not flags and len(arguments) < 4:
            is_over.wait(60)
        return lookup(host, port, *arguments, **({"flags": flags} if flags else {}))

    return getaddrinfo


def test_a_silent_name_server_is_given_up(monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", silent(is_over))
    result = within(lambda: resolve("bench", 8888, 0.1))
    is_over.set()
    assert "no name server has answered within 0.1 s" in str(result)


def test_an_unknown_name_is_named(monkeypatch):
    lookup = socket.getaddrinfo

    def unknown(host, *arguments, **options):
        if host == "bench":
            raise socket.gaierror(-2, "Name or service not known")
        return lookup(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DeviceError, match="bench: .*not known"):
        resolve("bench", 8888, 1.0)


def test_of_several_addresses_the_one_that_answers_is_taken(monkeypatch):
    with misbehaving("works") as server:
        lookup = socket.getaddrinfo

        def two(host, port, *arguments, **options):
            if host != "bench" or options:
                return lookup(host, port, *arguments, **options)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("127.0.0.2", "127.0.0.1")
            ]

        monkeypatch.setattr(socket, "getaddrinfo", two)
        assert resolve("bench", server.port, 5.0) == "127.0.0.1"
