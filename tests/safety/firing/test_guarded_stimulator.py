"""The instrument behind its guard: what is asked before a pulse, and what follows a failure."""

from dataclasses import replace

import pytest

from crepe.errors import DeviceError
from crepe.hw.capabilities import StimulatorCapabilities, StopEvidence
from crepe.hw.instrument import InProcess, NotStarted, Stimulator
from crepe.messages import Delivered, Segment, Stimulus
from crepe.safety.firing.guarded_stimulator import GuardedStimulator
from crepe.safety.firing.timed_guard import TimedGuard
from crepe.safety.gate import Gate
from crepe.safety.limits import Limits
from crepe.safety.real_time import RealTime
from crepe.safety.train import Train, TrainState
from crepe.safety.train_queue import TrainQueue

RATE_HZ = 10_000.0
PULSE = ((-10.0, 200.0), (10.0, 200.0))


class Driver(Stimulator):
    """An instrument that records its calls, and fails or refuses where the test lets it."""

    capabilities = StimulatorCapabilities(stop=StopEvidence.PROVED)

    def __init__(self):
        self.calls = []  # with those of its guard, in order
        self.errors = {}  # by method
        self.reasons = {}  # by method; of its guard, too

    def _call(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name in self.errors:
            raise self.errors[name]

    def open(self):
        pass

    def close(self):
        pass

    def refusal(self, stimulus):
        return self.reasons.get("refusal")

    def prepare(self, stimulus):
        self._call("prepare", stimulus.n_pulses)

    def start(self, stimulus):
        self._call("start", stimulus.n_pulses)

    def stop(self):
        self._call("stop")

    def doubts(self):
        return self.reasons.get("doubts", "")

    def watch(self):
        return self.reasons.get("watch")


class Guard(InProcess):
    """The guard of a driver."""

    def __init__(self, driver):
        self.driver = driver

    def pulsing(self, is_pulsing):
        self.driver.calls.append(("pulsing", is_pulsing))

    def beat(self):
        self.driver.calls.append(("beat",))

    def refusal(self):
        return self.driver.reasons.get("guard")


class Bench:
    def __init__(self):
        self.seconds = 0.0
        time = RealTime(RATE_HZ, 0, lambda: self.seconds, lambda: 77)
        time.tick(Segment(900, 1000, None), is_gap=False)
        self.time = time
        gate = Gate(Limits(), time, RATE_HZ, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)
        self.driver = Driver()
        self.trains = TrainQueue(RATE_HZ)
        guard = TimedGuard(Guard(self.driver))
        self.instrument = GuardedStimulator(self.driver, guard, gate, self.trains, time)
        self.stimulus = Stimulus(999, 1000, 1, 1500, ("48",), PULSE, 20.0, 40)
        self.train = Train(self.stimulus, gate.sub_train(self.stimulus), time.now, "stimuli")
        self.train.record = Delivered(999, 1000, 1, "unknown", fired=1000, acquired_ns=5)

    def start(self):
        if self.train.state is TrainState.WAITING:
            assert self.instrument.prepare(self.train) is None
        return self.instrument.start(self.train)


@pytest.fixture
def bench():
    return Bench()


def test_each_look_at_the_instrument_sends_a_heartbeat(bench):
    assert bench.instrument.watch() is None
    assert bench.driver.calls == [("beat",)]
    assert bench.instrument.refusal(bench.stimulus) is None
    assert bench.driver.calls == [("beat",)] * 2


@pytest.mark.parametrize("reason", ["watch", "guard"])
def test_an_instrument_or_a_guard_that_refuses_refuses_each_request(bench, reason):
    bench.driver.reasons[reason] = "not now"
    assert bench.instrument.watch() == "not now"
    assert bench.instrument.refusal(bench.stimulus) == "not now"


def test_what_an_instrument_cannot_deliver_is_refused_with_its_reason(bench):
    bench.driver.reasons["refusal"] = "no such electrode"
    assert bench.instrument.refusal(bench.stimulus) == "no such electrode"


def test_the_instrument_is_given_one_sub_train_at_once(bench):
    assert bench.start() == ("stopped", "")
    assert bench.driver.calls == [("pulsing", True), ("prepare", 20), ("start", 20)]
    assert (bench.train.record.age_ms, bench.train.record.t_ns) == (0.0, 77)


def test_a_set_up_that_fails_is_stopped_at_once(bench):
    bench.driver.errors["prepare"] = DeviceError("status 500")
    assert bench.instrument.prepare(bench.train) == "the instrument failed: status 500"
    assert bench.driver.calls[-2:] == [("stop",), ("pulsing", False)]
    assert bench.train.state is TrainState.WAITING


def test_a_guard_that_refuses_at_the_start_keeps_the_train_from_the_instrument(bench):
    assert bench.instrument.prepare(bench.train) is None
    bench.driver.reasons["guard"] = "stopped by crepe stop"
    assert bench.start() == ("refused", "no pulse was triggered: stopped by crepe stop")
    assert ("start", 20) not in bench.driver.calls
    assert (bench.train.record.fired, bench.train.record.acquired_ns) == (0, 0)


def test_an_instrument_that_did_not_start_has_refused_the_train(bench):
    bench.driver.errors["start"] = NotStarted("register 9158")
    assert bench.start() == ("refused", "no pulse was triggered: register 9158")
    assert bench.train.record.fired == 0


def test_a_start_that_is_not_acknowledged_may_have_fired_and_has_its_age(bench):
    assert bench.instrument.prepare(bench.train) is None
    bench.seconds = 0.15
    bench.driver.errors["start"] = DeviceError("timed out")
    assert bench.start() == ("unknown", "the instrument failed: timed out")
    assert bench.train.record.fired == 1000
    assert bench.train.record.age_ms == pytest.approx(150)
    assert bench.train.record.t_ns == 0  # the wall clock of an acknowledged start only


def test_a_start_that_is_acknowledged_too_late_must_be_stopped(bench):
    assert bench.instrument.prepare(bench.train) is None
    start = bench.driver.start

    def slow(stimulus):
        start(stimulus)
        bench.seconds = 0.3

    bench.driver.start = slow
    state, reason = bench.start()
    assert state == "stopped"
    assert reason == "its start was acknowledged too late: 300 ms old, limit 200 ms"


def test_after_a_stop_the_next_train_must_be_prepared_again(bench):
    following = Train(
        replace(bench.stimulus, number=2), bench.train.sub_train, bench.train.announced, "stimuli"
    )
    bench.trains.append(following)
    following.move(TrainState.PREPARED)
    bench.instrument.halt()
    assert following.state is TrainState.WAITING
    assert bench.driver.calls == [("stop",), ("pulsing", False)]


def test_where_a_stop_is_not_certain_a_train_counts_as_under_way(bench):
    bench.driver.errors["stop"] = DeviceError("NOT STOPPED for certain")
    with pytest.raises(DeviceError, match="NOT STOPPED"):
        bench.instrument.halt()
    assert bench.driver.calls == [("stop",)]


def test_the_doubts_of_the_instrument_are_those_of_the_train(bench):
    assert bench.instrument.doubts() == ""
    bench.driver.reasons["doubts"] = "a shot is not confirmed"
    assert bench.instrument.doubts() == "a shot is not confirmed"


# A stop without a proof


@pytest.mark.parametrize("evidence", [StopEvidence.ASKED, StopEvidence.REPORTED])
def test_after_a_stop_that_is_not_proved_the_train_counts_as_under_way_until_it_would_be_over(
    bench, evidence
):
    bench.driver.capabilities = StimulatorCapabilities(stop=evidence)
    bench.start()
    bench.trains.fire(bench.train)
    assert bench.instrument.halt() == evidence.sentence
    assert ("pulsing", False) not in bench.driver.calls
    assert bench.instrument.watch() == (
        "the last stop is NOT VERIFIED; the train may play for 1.0 s more"
    )
    bench.trains.end_firing()
    assert bench.instrument.halt() == evidence.sentence  # of a train that is only prepared
    assert ("pulsing", False) not in bench.driver.calls
    bench.seconds += 1.0
    assert bench.instrument.watch() is None
    assert bench.driver.calls[-1] == ("pulsing", False)


def test_after_a_proved_stop_nothing_is_in_doubt(bench):
    bench.start()
    bench.trains.fire(bench.train)
    assert bench.instrument.halt() == ""
    assert bench.driver.calls[-2:] == [("stop",), ("pulsing", False)]
    assert bench.instrument.watch() is None


def test_a_train_that_is_over_by_itself_is_put_to_rest_as_the_driver_does_it(bench):
    bench.driver.rest = lambda: bench.driver.calls.append(("rest",))
    bench.start()
    bench.instrument.rest()
    assert bench.driver.calls[-2:] == [("rest",), ("pulsing", False)]
