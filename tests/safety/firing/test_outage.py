"""A long outage ends an arming; a short one does not."""

import pytest

from crepe.hw.instrument import InProcess
from crepe.safety.firing.outage import Outage


class Arming(InProcess):
    """The guard of an instrument, or of a simulator that needs no arming."""

    def __init__(self, *, needs_arming=True):
        self.needs_arming = needs_arming
        self.is_armed = True

    def refusal(self):
        return None if self.is_armed or not self.needs_arming else "not armed; `crepe arm`"

    def disarm(self):
        self.is_armed = False


def outage_of(arming):
    return Outage(arming, arming.disarm, 10.0)


@pytest.mark.parametrize("away_s", [0.2, 1.0, 2.0, 10.0])
def test_a_reconnect_keeps_the_arming(away_s):
    arming = Arming()
    outage = outage_of(arming)
    outage.last(away_s, 500)
    outage.end(away_s, 500)
    assert arming.is_armed
    assert outage.problem == ""


def test_a_long_silence_disarms_and_says_what_to_do():
    arming = Arming()
    outage = outage_of(arming)
    outage.last(10.1, 500)
    assert not arming.is_armed
    assert outage.problem.startswith("no data for 10.1 s after sample 500, limit 10 s: ")
    assert outage.problem.endswith("disarmed; look at the instrument, then `crepe arm`")


def test_a_gap_disarms_though_the_silence_was_not_seen():
    arming = Arming()
    outage = outage_of(arming)
    outage.end(97.0, 500)
    assert not arming.is_armed
    assert "97.0 s" in outage.problem


def test_an_arming_from_within_an_outage_ends_when_the_data_are_back():
    arming = Arming()
    outage = outage_of(arming)
    outage.last(11.0, 500)
    arming.is_armed = True
    outage.last(60.0, 500)
    assert arming.is_armed
    outage.end(97.0, 500)
    assert not arming.is_armed


def test_a_second_silence_disarms_as_the_first_did():
    arming = Arming()
    outage = outage_of(arming)
    for sample in (500, 900):
        arming.is_armed = True
        outage.last(10.1, sample)
        assert not arming.is_armed
        outage.end(0.0, sample)  # the instrument had stood still, and sends what it has missed


def test_the_problem_is_over_once_it_is_armed_again():
    arming = Arming()
    outage = outage_of(arming)
    outage.last(11.0, 500)
    outage.end(11.5, 500)
    outage.end(0.0, 615)
    assert outage.problem
    arming.is_armed = True
    outage.end(0.0, 715)
    assert outage.problem == ""


def test_a_simulator_that_needs_no_arming_has_no_problem():
    arming = Arming(needs_arming=False)
    outage = outage_of(arming)
    outage.last(11.0, 500)
    assert outage.problem == ""


def test_one_that_was_not_armed_has_no_problem():
    arming = Arming()
    arming.disarm()
    outage = outage_of(arming)
    outage.last(11.0, 500)
    assert outage.problem == ""
