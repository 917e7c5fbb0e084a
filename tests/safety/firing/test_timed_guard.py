"""The guard that a driver is given: that of the instrument, and the age of the train that begins."""

from contextlib import contextmanager
from math import inf

import pytest

from crepe.hw.instrument import Address
from crepe.messages import Segment, Stimulus
from crepe.safety.firing.timed_guard import TimedGuard
from crepe.safety.gate import Gate
from crepe.safety.limits import Limits
from crepe.safety.real_time import RealTime
from crepe.safety.train import Train, TrainState

RATE_HZ = 10_000.0


class Recording:
    """A guard that records each call, and refuses or hurries when the test lets it."""

    def __init__(self):
        self.calls = []
        self.reason = None
        self.hurry_s = inf

    def __getattr__(self, name):
        return lambda *arguments, **options: self.calls.append((name, arguments, options))

    def refusal(self):
        return self.reason

    def left_s(self):
        return self.hurry_s

    @contextmanager
    def alone(self, wait_s, *, may_break=False):
        self.calls.append(("alone", wait_s, may_break))
        yield
        self.calls.append("others may")


@pytest.fixture
def recording():
    return Recording()


@pytest.fixture
def guard(recording):
    return TimedGuard(recording)


class Bench:
    """A train of two sub-trains that was announced at 0 s, and the gate that knows its age."""

    def __init__(self):
        self.seconds = 0.0
        time = RealTime(RATE_HZ, 0, lambda: self.seconds, lambda: round(self.seconds * 1e9))
        time.tick(Segment(900, 1000, None), is_gap=False)
        self.gate = Gate(Limits(), time, RATE_HZ, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)
        phases = ((-10.0, 200.0), (10.0, 200.0))
        stimulus = Stimulus(999, 1000, 1, 1500, ("48",), phases, 20.0, 40)
        self.train = Train(stimulus, self.gate.sub_train(stimulus), time.now, "result:stimuli")
        self.train.move(TrainState.PREPARED)
        self.train.begin_sub_train()


@pytest.fixture
def bench():
    return Bench()


def test_whatever_a_driver_reports_reaches_the_guard_of_the_instrument(guard, recording):
    address = Address("127.0.0.1", 8888, "n")
    guard.drives(address, is_simulator=True)
    guard.serves(["game"])
    guard.pulsing(True)
    guard.beat()
    with guard.alone(0.5, may_break=True):
        recording.calls.append("alone")
    guard.close()
    assert recording.calls == [
        ("drives", (address,), {"is_simulator": True}),
        ("serves", (["game"],), {}),
        ("pulsing", (True,), {}),
        ("beat", (), {}),
        ("alone", 0.5, True),
        "alone",
        "others may",
        ("close", (), {}),
    ]


def test_a_driver_breaks_no_lock_unless_it_stops(guard, recording):
    with guard.alone(0.5):
        pass
    assert recording.calls[0] == ("alone", 0.5, False)


def test_the_first_sub_train_is_refused_by_the_guard_and_by_its_age(guard, recording, bench):
    with guard.starting(bench.train, bench.gate):
        assert (guard.refusal(), guard.late()) == (None, None)
        bench.seconds = 0.201
        assert guard.refusal() == "201 ms old, limit 200 ms"
        assert guard.late() == "its start was acknowledged too late: 201 ms old, limit 200 ms"
        recording.reason = "stopped by crepe stop"
        assert guard.refusal() == "stopped by crepe stop"
    recording.reason = None
    assert (guard.refusal(), guard.late()) == (None, None)  # no train begins


def test_the_age_of_a_train_counts_no_more_when_it_is_under_way(guard, recording, bench):
    bench.train.begin_sub_train()
    bench.seconds = 1.0
    with guard.starting(bench.train, bench.gate):
        assert (guard.refusal(), guard.late(), guard.left_s()) == (None, None, inf)
        recording.reason = "stopped by crepe stop"
        assert guard.refusal() == "stopped by crepe stop"


def test_a_pulse_must_leave_within_the_shorter_of_both_times(guard, recording, bench):
    assert guard.left_s() == inf
    with guard.starting(bench.train, bench.gate):
        assert guard.left_s() == pytest.approx(0.2)
        recording.hurry_s = 0.1
        assert guard.left_s() == 0.1
        bench.seconds = 0.15
        assert guard.left_s() == pytest.approx(0.05)


def test_a_start_that_raises_leaves_no_age_behind(guard, bench):
    with pytest.raises(RuntimeError), guard.starting(bench.train, bench.gate):
        raise RuntimeError
    bench.seconds = 1.0
    assert (guard.refusal(), guard.left_s()) == (None, inf)
