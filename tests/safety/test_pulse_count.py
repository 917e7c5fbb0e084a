"""Pulses are counted in seconds of samples, and of real time."""

import pytest

from crepe.messages import Stimulus
from crepe.safety.limits import Limits
from crepe.safety.pulse_count import PulseCount
from crepe.safety.real_time import Moment

RATE_HZ = 10_000


def train(n_pulses, due=0, electrodes=("48",)):
    return Stimulus(0, 1, 1, due, electrodes, ((-10.0, 200.0), (10.0, 200.0)), 50.0, n_pulses)


@pytest.fixture
def count():
    return PulseCount(Limits(), RATE_HZ)


def test_fifty_pulses_in_a_second_pass_and_no_more(count):
    count.remember(train(25), Moment(0, 0))
    assert count.refusal(train(25), Moment(5000, 5000)) is None
    expected = "electrode 48: 51 pulses in 1 s, limit 50"
    assert count.refusal(train(26), Moment(4999, 4999)) == expected


def test_pulses_that_are_apart_in_samples_are_counted_where_they_are_close_in_real_time(count):
    count.remember(train(50), Moment(0, 0))
    assert count.refusal(train(50), Moment(20_000, 20_000)) is None
    assert count.refusal(train(50), Moment(20_000, 1000)).startswith("electrode 48: 9")


def test_a_train_that_waits_is_counted_where_it_is_due(count):
    count.remember(train(50), Moment(0, 0))
    assert count.refusal(train(50), Moment(1000, 1000)) is not None
    assert count.refusal(train(50, due=10_000), Moment(1000, 1000)) is None


def test_trains_that_follow_each_other_may_be_late_and_early_as_a_machine_is(count):
    for i, late in enumerate((0, 300, 0, 450, 10, 0)):
        now = Moment(10_000 * i, 10_000 * i + late)
        assert count.refusal(train(50), now) is None
        count.remember(train(50), now)


def test_pulses_at_all_electrodes_are_summed_up():
    count = PulseCount(Limits(max_total_rate_hz=20), RATE_HZ)
    count.remember(train(5, electrodes=("48", "38")), Moment(0, 0))
    expected = "all electrodes: 22 pulses in 1 s, limit 20"
    assert count.refusal(train(6, electrodes=("28", "18")), Moment(3000, 3000)) == expected


def test_the_session_counts_each_pulse_of_a_train_once():
    count = PulseCount(Limits(max_session_pulses=100), RATE_HZ, n_pulses=60)
    count.remember(train(30, electrodes=("48", "38")), Moment(0, 0))
    assert count.refusal(train(11), Moment(10**6, 10**6)) == "session: 101 pulses, limit 100"
    assert count.refusal(train(5), Moment(10**6, 10**6), [train(5, 10**6)]) is None


def test_a_train_counts_from_its_first_pulse_on(count):
    count.remember(train(50), Moment(0, 0))
    assert count.refusal(train(1), Moment(9900, 9900)).startswith("electrode 48: 51 pulses")
    assert count.refusal(train(1), Moment(10_000, 10_000)) is None


def test_as_many_pulses_as_a_limit_names_pass():
    count = PulseCount(Limits(max_total_rate_hz=20, max_session_pulses=10), RATE_HZ)
    assert count.refusal(train(10, electrodes=("28", "18")), Moment(0, 0)) is None
    assert count.n_pulses == 0


def test_pulses_are_forgotten_when_they_are_a_second_old_by_both_clocks(count):
    for i in range(100):
        count.remember(train(1), Moment(10_001 * i, 10_001 * i))
    assert len(count._pulses["48"]) == 1
    count.remember(train(1), Moment(10_001 * 100, 10_001 * 99))
    assert len(count._pulses["48"]) == 2
