"""The stimulator's side of the watchdog."""

import json
import socket
import time

import pytest

from crepe.hw.instrument import Address
from crepe.safety import watchdog_link
from crepe.safety.arming import WATCHDOG_SOCKET
from crepe.safety.watchdog_link import FRESH_S, WatchdogLink


@pytest.fixture
def watchdog(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / WATCHDOG_SOCKET))
        yield bound


def answer(watchdog, process):
    data, sender = watchdog.recvfrom(4096)
    name = json.loads(data)["stimulator"]
    reply = {"heard": name, "stopped": "", "monotonic_s": time.monotonic(), "process": process}
    watchdog.sendto(json.dumps(reply).encode(), sender)


def test_a_watchdog_that_was_replaced_stops_what_runs_however_soon_it_is_back(tmp_path, watchdog):
    guard = WatchdogLink(tmp_path)
    guard.drives(Address("127.0.0.1", 8888), is_simulator=True)
    refusals = []
    for process in ("11:5", "11:5", "11:9", "11:9"):
        guard.beat()
        answer(watchdog, process)
        guard.beat()
        watchdog.recv(4096)
        refusals.append(guard.refusal())
    assert [reason is None for reason in refusals] == [True, True, False, True]
    assert "the watchdog has not answered" in refusals[2]
    guard.close()


class Clock:
    now_s = 100.0

    def monotonic(self):
        return self.now_s


def test_an_answer_counts_for_half_a_second_from_its_time_at_the_watchdog(
    tmp_path, watchdog, monkeypatch
):
    clock = Clock()
    monkeypatch.setattr(watchdog_link, "time", clock)
    monkeypatch.setattr("tests.safety.test_watchdog_link.time", clock)
    guard = WatchdogLink(tmp_path)
    guard.drives(Address("127.0.0.1", 8888), is_simulator=True)
    assert "the watchdog has not answered within 0.5 s" in guard.refusal()
    guard.beat()
    answer(watchdog, "11:5")
    clock.now_s += FRESH_S  # the answer was queued meanwhile
    guard.beat()
    assert guard.refusal() is None
    clock.now_s += 0.001
    assert "the watchdog has not answered within 0.5 s" in guard.refusal()
    guard.close()
