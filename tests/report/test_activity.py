"""Rates and evoked responses of a few spikes."""

from dataclasses import replace

import numpy as np
import pytest

from crepe.messages import Delivered, Stimulus
from crepe.report import activity


@pytest.fixture
def result(by_hand):
    return activity.crossings(by_hand)


@pytest.fixture
def tried(by_hand, trials):
    requests = by_hand.all_of(Stimulus)
    return activity.trials(trials, requests, by_hand.all_of(Delivered), 1000.0)


def test_rates_are_over_the_time_that_was_looked_at(result):
    assert result.coverage.n_covered == 9000
    rates = activity.activity(result)
    assert rates.n_crossings == 5
    assert rates.rate_hz == pytest.approx({"22": 4 / 9, "72": 1 / 9})
    assert rates.mean_rate_hz == pytest.approx(5 / 9 / 2)


def test_the_population_rate_has_no_value_where_data_is_missing(result):
    rates = activity.activity(result)
    assert rates.population_bin_s == 0.1
    hz = rates.population_rate_hz
    assert len(hz) == 100
    assert hz[9] == pytest.approx(1 / 0.1 / 2)
    assert hz[10] == pytest.approx(2 / 0.1 / 2)
    assert hz[70:80] == [None] * 10
    assert sum(value or 0 for value in hz) * 0.1 * 2 == pytest.approx(5)


def test_a_trial_has_the_train_that_fell_into_it(tried):
    assert [t.first_pulse for t in tried] == [1050, 3050, 5050, 7050]
    assert [t.pulses for t in tried] == [(1050, 1100), (3050, 3100), (), ()]
    assert [t.electrodes for t in tried] == [("22",), ("72",), (), ()]


def test_a_train_that_was_stopped_has_the_pulses_that_left(trials, by_hand):
    requests = by_hand.all_of(Stimulus)
    stopped = Delivered(1079, 1080, 1, "stopped", "a gap in the data", 1050, 51.0)
    first = activity.trials(trials, requests, [stopped], 1000.0)[0]
    assert first.pulses == (1050,)


def test_without_any_train_nothing_is_aligned(trials):
    assert activity.trials(trials, [], [], 1000.0) == []


def test_evoked_responses_begin_with_the_first_pulse(result, tried):
    responses = {(item.condition, item.gesture): item for item in activity.evoked(result, tried)}
    rock = responses["stimulation", "rock"]
    assert (rock.n_trials, rock.is_stimulated, rock.bin_s) == (1, True, 0.01)
    assert rock.start_s == pytest.approx(-0.2)
    per_bin = np.array(rock.mean_hz) * 0.01 * 2
    assert {k: n for k, n in enumerate(per_bin.round(9).tolist()) if n} == {5: 1, 20: 2, 25: 1}
    assert rock.sem_hz == [None] * len(per_bin)  # one trial has no error
    # 3 spikes in 450 ms after the pulse, 1 in 200 ms before it
    assert rock.change_hz == pytest.approx({"22": 3 / 0.45 - 1 / 0.2, "72": 0.0})
    assert not responses["sham", "rock"].is_stimulated


def test_a_trial_in_a_gap_is_left_out(result, tried):
    assert ("sham", "paper") not in {
        (o.condition, o.gesture) for o in activity.evoked(result, tried)
    }


def test_a_trial_whose_pulses_were_refused_is_left_out_where_others_had_theirs(result, tried):
    refused = replace(tried[2], state=replace(tried[2].state, condition="stimulation"))
    responses = activity.evoked(result, [tried[0], refused])
    assert [(item.gesture, item.n_trials) for item in responses] == [("rock", 1)]


def test_mean_and_standard_error_are_over_trials(result, tried):
    same = replace(tried[1], state=replace(tried[1].state, gesture="rock"))
    (rock,) = activity.evoked(result, [tried[0], same])
    assert rock.n_trials == 2
    first = rock.mean_hz[20], rock.sem_hz[20]  # 2 spikes and 1, in 10 ms of two electrodes
    assert first == pytest.approx((75.0, np.std([100, 50], ddof=1) / np.sqrt(2)))


def test_a_session_without_spikes_has_no_activity(by_hand):
    by_hand.store._kept.delete("data:spikes")
    assert activity.crossings(by_hand) is None
