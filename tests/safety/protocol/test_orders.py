"""Orders reach stimulator and watchdog, and only an answer of the watchdog's user counts."""

import os
import socket
import threading

import pytest

from crepe.safety.protocol import orders
from crepe.safety.protocol.datagrams import LARGEST, Latch, Order, State, pack, unpack
from crepe.safety.protocol.orders import (
    STIMULATOR_SOCKET,
    WATCHDOG_SOCKET,
    latch_in_memory,
    release_in_memory,
    watchdog_state,
)

NOBODY = 65_534
ANSWER = State(Latch(), None)


@pytest.mark.parametrize("uid", [os.geteuid(), NOBODY])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user for a test")
def test_a_forged_answer_does_not_count(tmp_path, monkeypatch, uid):
    is_owner = uid == os.geteuid()
    monkeypatch.setattr(orders, "_ANSWER_S", 60.0 if is_owner else 1.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watchdog:
        watchdog.bind(str(tmp_path / WATCHDOG_SOCKET))
        child = os.fork()
        if child == 0:
            os.setresuid(uid, uid, uid)
            _, sender = watchdog.recvfrom(LARGEST)
            watchdog.sendto(pack(ANSWER), sender)
            os._exit(0)
        state = watchdog_state(tmp_path)
        assert os.waitpid(child, 0)[1] == 0
    assert state == (ANSWER if is_owner else None)


class Program:
    """A program's socket. `answers` go to the sender of each order that comes."""

    def __init__(self, path, answers=()):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.orders = []
        if answers:
            threading.Thread(target=self._answer, args=(answers,), daemon=True).start()

    def _answer(self, answers):
        data, sender = self.socket.recvfrom(LARGEST)
        self.orders.append(unpack(data))
        for answer in answers:
            self.socket.sendto(answer, sender)


@pytest.fixture(params=["an address that is no file", "a file"])
def run(request, tmp_path_factory, monkeypatch):
    """A run directory, on either kind of system."""
    directory = tmp_path_factory.mktemp("r")
    monkeypatch.setattr(orders, "_ANSWER_S", 60.0)
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    if request.param == "a file":
        monkeypatch.setattr(orders.sys, "platform", "darwin")
    yield directory
    assert {path.name for path in directory.iterdir()} <= {STIMULATOR_SOCKET, WATCHDOG_SOCKET}


@pytest.mark.parametrize(
    ("send", "order"),
    [
        (lambda run: latch_in_memory(run, "crepe stop"), Order(by="crepe stop")),
        (lambda run: latch_in_memory(run, ""), Order(by="?")),
        (release_in_memory, Order(releases=True)),
        (watchdog_state, Order()),
    ],
)
@pytest.mark.parametrize("has_stimulator", [False, True])
def test_an_order_goes_to_both_programs_and_the_watchdog_answers(run, send, order, has_stimulator):
    watchdog = Program(run / WATCHDOG_SOCKET, [b"{}", pack(Order()), pack(ANSWER)])
    stimulator = Program(run / STIMULATOR_SOCKET) if has_stimulator else None
    assert send(run) == ANSWER  # and nothing else that comes is taken for one
    assert watchdog.orders == [order]
    watchdog.socket.close()
    if stimulator is not None:
        assert unpack(stimulator.socket.recv(LARGEST)) == order
        stimulator.socket.close()


def test_without_a_watchdog_the_stimulator_gets_the_order_all_the_same(run):
    stimulator = Program(run / STIMULATOR_SOCKET)
    assert latch_in_memory(run, "crepe stop") is None
    assert unpack(stimulator.socket.recv(LARGEST)) == Order(by="crepe stop")
    stimulator.socket.close()


@pytest.mark.parametrize("name", [STIMULATOR_SOCKET, WATCHDOG_SOCKET])
def test_a_program_that_hangs_holds_up_no_order(run, name, monkeypatch):
    monkeypatch.setattr(orders, "_ANSWER_S", 0.0)
    hung = Program(run / name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                full.sendto(b"x", str(run / name))
    assert watchdog_state(run) is None
    hung.socket.close()
