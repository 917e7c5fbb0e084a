"""The watchdog on a clock of the test: when it stops the instrument, and when it may leave."""

import json

import pytest

from crepe.environment.process_identity import ProcessIdentity
from crepe.safety import arming, watchdog
from crepe.safety.watchdog import SILENT_S, Watchdog

POLL_S = 0.05
LEAVE_S = 5.0  # after SIGTERM


class World:
    """A clock that goes on with each poll, heartbeats at given times, and an instrument."""

    def __init__(self, beats_s=(), *, is_pulsing=True, n_failures=0, ends_s=10.0, orphan_s=1e9):
        self.now_s = 0.0
        self.stops_s = []  # when the instrument was asked to stop
        self.answers = []
        self._beats_s = list(beats_s)
        self._is_pulsing = is_pulsing
        self._n_failures = n_failures
        self._ends_s = ends_s  # SIGTERM
        self._orphan_s = orphan_s
        self.watchdog = None

    def monotonic(self):
        return self.now_s

    def recvfrom(self, n_bytes):
        self.now_s += POLL_S
        if self.now_s >= self._ends_s:
            self._ends_s = 1e9
            self.watchdog._end(15, None)
        if self._beats_s and self.now_s >= self._beats_s[0]:
            self._beats_s.pop(0)
            own = arming.Instrument("1-ab", ProcessIdentity.own(), "127.0.0.1", 9, "")
            return json.dumps({**own.to_json(), "is_pulsing": self._is_pulsing}).encode(), "sender"
        raise TimeoutError

    def sendto(self, data, address):
        self.answers.append(json.loads(data))

    def stop_dsp(self, control):
        self.stops_s.append(self.now_s)
        return ["a doubt"] if len(self.stops_s) <= self._n_failures else []

    def is_orphan(self):
        return self.now_s >= self._orphan_s


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the watchdog in a world until it leaves."""

    def run(world):
        world.watchdog = Watchdog(tmp_path, lambda text: None)
        world.watchdog._socket.close()
        world.watchdog._socket = world
        monkeypatch.setattr(watchdog, "time", world)
        monkeypatch.setattr(watchdog, "stop_dsp", world.stop_dsp)
        monkeypatch.setattr(watchdog, "is_orphan", world.is_orphan)
        monkeypatch.setattr(watchdog.signal, "signal", lambda *handler: None)
        world.watchdog.run()
        return world

    return run


def times(until_s, every_s):
    return [every_s * i for i in range(1, int(until_s / every_s))]


def test_silence_in_a_train_stops_the_instrument_once_and_by_the_limit(run):
    world = run(World([0.1]))
    (stop_s,) = world.stops_s
    assert SILENT_S == 0.5
    assert 0.1 + SILENT_S < stop_s <= 0.1 + SILENT_S + 3 * POLL_S


def test_a_heartbeat_just_within_the_limit_keeps_the_train(run):
    beats_s = times(10.0, SILENT_S - POLL_S)
    assert run(World(beats_s, ends_s=9.0)).stops_s == pytest.approx([9.0], abs=2 * POLL_S)


def test_silence_without_a_train_stops_nothing(run):
    assert run(World([0.1], is_pulsing=False)).stops_s == []
    assert run(World()).stops_s == []


def test_a_stop_that_is_not_verified_is_repeated_at_once(run):
    world = run(World([0.1], n_failures=3))
    assert len(world.stops_s) == 4
    assert world.stops_s[-1] - world.stops_s[0] == pytest.approx(3 * POLL_S)


def test_the_stimulator_that_was_stopped_is_named_in_every_answer(run):
    world = run(World([0.1, 2.0, 2.1], is_pulsing=True))
    assert [answer["stopped"] for answer in world.answers] == ["", "1-ab", "1-ab"]
    assert {answer["heard"] for answer in world.answers} == {"1-ab"}


def test_after_sigterm_a_running_train_is_stopped_first_and_the_attempts_have_an_end(run):
    beats_s = times(30.0, 0.1)
    world = run(World(beats_s, ends_s=2.0))
    assert world.stops_s == pytest.approx([2.0], abs=2 * POLL_S)
    world = run(World(beats_s, ends_s=2.0, n_failures=10_000))
    assert world.now_s == pytest.approx(2.0 + LEAVE_S, abs=2 * POLL_S)


def test_an_orphan_does_not_leave_a_train_behind(run):
    world = run(World(times(60.0, 0.1), ends_s=1e9, orphan_s=2.0, n_failures=400))
    assert len(world.stops_s) == 401
    assert world.now_s > 2.0 + 2 * LEAVE_S


def test_a_disk_that_is_full_does_not_keep_it_from_stopping(run, monkeypatch):
    def full(directory):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(arming, "disarm", full)
    assert len(run(World([0.1])).stops_s) == 1
