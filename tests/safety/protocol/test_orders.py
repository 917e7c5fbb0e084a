"""An answer to an order counts if it is from the user who runs the watchdog."""

import os
import socket

import pytest

from crepe.safety.protocol import orders
from crepe.safety.protocol.datagrams import LARGEST, Latch, State, pack
from crepe.safety.protocol.orders import WATCHDOG_SOCKET, watchdog_state

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
