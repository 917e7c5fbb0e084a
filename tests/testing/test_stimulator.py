"""The contract of stimulators notices each fault that an author is likely to make."""

from contextlib import suppress

import pytest

from crepe.errors import DeviceError
from crepe.hw.capabilities import StimulatorCapabilities, StopEvidence
from crepe.hw.device import open_stimulator
from crepe.testing import stimulator_contract


def break_(driver, name, function):
    """Replace a method of a driver class; the former is the first argument."""
    former = getattr(driver, name)
    setattr(driver, name, lambda self, *arguments: function(former, self, *arguments))


def two_promises_less(driver):
    driver.capabilities = StimulatorCapabilities(n_patterns=0)


def rounds_in_silence(driver):
    break_(driver, "refusal", lambda former, self, stimulus: None)


def needs_a_box_to_refuse(driver):
    break_(driver, "refusal", lambda former, self, train: former(self, train) if self._box else "?")


def closes_only_what_is_open(driver):
    def close(former, self):
        if self._box is None:
            raise RuntimeError("close: no box")
        former(self)

    break_(driver, "close", close)


def opens_without_a_stop(driver):
    def open_(former, self):
        box = self.connect(self._location)
        switches, pattern = dict(box.switches), box.pattern
        former(self)
        box.switches, box.pattern = switches, pattern

    break_(driver, "open", open_)


def tells_pulsing_at_each_stop(driver):
    def stop(former, self):
        self._guard.pulsing(True)
        former(self)

    break_(driver, "stop", stop)


def prepares_what_it_refuses(driver):
    def prepare(former, self, stimulus):
        with suppress(DeviceError):
            former(self, stimulus)

    break_(driver, "prepare", prepare)


def starts_what_it_has(driver):
    def start(former, self, stimulus):
        if self._box.pattern is None:
            self._box.load(stimulus.electrodes, stimulus.phases, 2e4, stimulus.n_pulses)
        self._box.trigger()

    break_(driver, "start", start)


def fires_as_it_prepares(driver):
    def prepare(former, self, stimulus):
        former(self, stimulus)
        self._box.trigger()

    break_(driver, "prepare", prepare)


def is_prepared_for_one_start(driver):
    def start(former, self, stimulus):
        former(self, stimulus)
        self._prepared = None

    break_(driver, "start", start)


def fires_once_more_at_rest(driver):
    driver.rest = lambda self: self._box.trigger()


def does_not_stop_the_train(driver):
    def stop(former, self):
        stops = [train[1] for train in self._box.trains]
        former(self)
        for train, stop_s in zip(self._box.trains, stops, strict=True):
            train[1] = stop_s

    break_(driver, "stop", stop)


def closes_without_a_stop(driver):
    driver.close = lambda self: None


def forgets_its_guard(driver):
    driver._check_permission = lambda self: None


def connects_before_it_tells(driver):
    def prepare(former, self, stimulus):
        self._box.load(stimulus.electrodes, stimulus.phases, 2e4, 5)
        former(self, stimulus)

    break_(driver, "prepare", prepare)


FAULTS = {
    two_promises_less: ("states_its_promises", "n_patterns: 0"),
    rounds_in_silence: ("refuses_what_it_cannot_deliver", "refusal: None for"),
    needs_a_box_to_refuse: ("refuses_without_a_connection", "refusal() differs after open()"),
    closes_only_what_is_open: ("closes_unopened", "close: no box"),
    opens_without_a_stop: ("opens_to_rest", "after open(): an electrode is connected"),
    tells_pulsing_at_each_stop: ("stops_again", "tells the guard that pulses may flow"),
    prepares_what_it_refuses: ("prepares_no_refused_train", "no DeviceError"),
    starts_what_it_has: ("starts_no_unprepared_train", "no DeviceError"),
    fires_as_it_prepares: ("delivers_a_train_once", "prepare(): 5 pulses have left"),
    is_prepared_for_one_start: ("repeats_a_train", "is not prepared"),
    fires_once_more_at_rest: ("rests_after_a_train", "10 pulses, must be 5"),
    does_not_stop_the_train: ("stops_a_train", "pulses after a stop that counts as proved"),
    closes_without_a_stop: ("closes_a_train", "after the stop: an electrode is connected"),
    forgets_its_guard: ("obeys_its_guard", "prepare() against the guard: no DeviceError"),
    connects_before_it_tells: ("tells_its_guard", "connected before pulsing(True)"),
}


def rule(name):
    return next(rule for rule in stimulator_contract if rule.__name__ == name)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_breaks_its_rule_with_what_is_wrong(acme, fault):
    driver = acme("acme").AcmeStimulator
    driver.connect = staticmethod(acme("acme").connect)
    fault(driver)
    name, text = FAULTS[fault]
    with pytest.raises((AssertionError, DeviceError, RuntimeError)) as broken:
        rule(name)(acme("test_acme").AcmeBench())
    assert text in str(broken.value)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (starts_what_it_has, "starts_no_other_train"),
        (forgets_its_guard, "obeys_its_guard_at_the_start"),
        (closes_only_what_is_open, "closes_again"),
    ],
)
def test_a_fault_breaks_other_rules_too(acme, fault, name):
    fault(acme("acme").AcmeStimulator)
    with pytest.raises((AssertionError, RuntimeError)):
        rule(name)(acme("test_acme").AcmeBench())


def test_every_rule_has_a_fault_that_breaks_it():
    broken = {name for name, _ in FAULTS.values()}
    broken |= {"starts_no_other_train", "obeys_its_guard_at_the_start", "closes_again"}
    assert {rule.__name__ for rule in stimulator_contract} == broken


@pytest.mark.parametrize("evidence", [StopEvidence.ASKED, StopEvidence.REPORTED])
def test_an_instrument_that_cannot_prove_its_stop_may_play_the_train_to_its_end(acme, evidence):
    driver = acme("acme").AcmeStimulator
    promises = acme("dataclasses").replace(driver.capabilities.fget(None), stop=evidence)
    driver.capabilities = promises
    does_not_stop_the_train(driver)
    assert rule("stops_a_train")(acme("test_acme").AcmeBench()) is None


def test_where_outputs_cannot_be_seen_the_rules_about_them_are_not_judged(acme):
    class Blind(acme("test_acme").AcmeBench):
        def pulses(self):
            return None

        def is_connected(self):
            return None

    reasons = {rule.__name__: rule(Blind()) for rule in stimulator_contract}
    assert reasons["delivers_a_train_once"] == "its outputs cannot be seen here"
    assert reasons["closes_again"] is None


def test_a_stimulator_that_delivers_nothing_keeps_what_it_can(acme):
    class None_(acme("test_acme").AcmeBench):
        train = None

        def open_stimulator(self, guard):
            return open_stimulator("none://", guard)

        def leave_connected(self):
            pass

    reasons = {rule.__name__: rule(None_()) for rule in stimulator_contract}
    assert reasons["repeats_a_train"] == "it delivers no train"
