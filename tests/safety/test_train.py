"""A train's states: a move that is not listed raises."""

from itertools import product

import pytest

from crepe.messages import Delivered, Stimulus
from crepe.safety.real_time import Moment
from crepe.safety.train import MOVES, Train, TrainState, train_samples

STIMULUS = Stimulus(0, 1, 7, 500, ("48",), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 40)


def train(state=TrainState.WAITING, n_pulses=20):
    sub_train = Stimulus(0, 1, 7, 500, ("48",), STIMULUS.phases, 20.0, n_pulses)
    new_train = Train(STIMULUS, sub_train, Moment(1, 1), "result:stimuli")
    new_train.state = state
    return new_train


@pytest.mark.parametrize(("before", "after"), list(product(TrainState, TrainState)))
def test_a_move_that_is_not_listed_raises(before, after):
    moved = train(before)
    if after in MOVES[before]:
        moved.move(after)
        assert moved.state is after
    else:
        with pytest.raises(RuntimeError, match=f"train 7: {before} to {after}, allowed are "):
            moved.move(after)


def test_no_train_fires_that_was_not_prepared():
    with pytest.raises(RuntimeError, match="allowed are (prepared, over|over, prepared)$"):
        train().begin_sub_train()


def test_a_train_is_complete_when_all_sub_trains_were_started():
    firing = train(TrainState.PREPARED)
    for is_complete in (False, True):
        firing.begin_sub_train()
        assert firing.is_complete is is_complete


@pytest.mark.parametrize("now", [Moment(9_900, 10_000), Moment(10_000, 9_700)])
def test_a_sub_train_is_over_only_when_it_is_by_both_clocks(now):
    firing = train(TrainState.PREPARED)
    firing.begin_sub_train()
    firing.expect_end(Moment(0, 0), 10_000.0)
    assert not firing.is_sub_train_over(now)
    assert firing.is_sub_train_over(Moment(10_000, 9_750))


def test_a_train_that_is_over_may_do_nothing_more():
    with pytest.raises(RuntimeError, match="over to firing, allowed are none"):
        train(TrainState.OVER).begin_sub_train()


def test_the_age_is_that_of_the_first_start():
    firing = train(TrainState.PREPARED)
    firing.note_start(99.0)  # nothing is recorded yet
    firing.record = Delivered(0, 1, 7, "unknown", fired=500, acquired_ns=3)
    for age_ms in (50.0, 1050.0):
        firing.begin_sub_train()
        firing.note_start(age_ms, 77)
    assert (firing.record.age_ms, firing.record.t_ns) == (50.0, 77)


def test_a_train_that_did_not_begin_is_refused_and_one_that_went_on_is_stopped():
    firing = train(TrainState.PREPARED)
    firing.record = Delivered(0, 1, 7, "unknown", fired=500, acquired_ns=3)
    firing.begin_sub_train()
    firing.begin_sub_train()
    assert firing.note_not_started() == "stopped"
    assert (firing.record.fired, firing.record.acquired_ns) == (500, 3)
    firing = train(TrainState.PREPARED)
    firing.record = Delivered(0, 1, 7, "unknown", fired=500, acquired_ns=3)
    firing.begin_sub_train()
    assert firing.note_not_started() == "refused"
    assert (firing.record.fired, firing.record.acquired_ns) == (0, 0)
    firing.record = None
    assert firing.note_not_started() == "stopped"  # nothing was recorded that had to be taken back


def test_a_train_lasts_until_the_pause_after_its_last_pulse_is_over():
    assert train_samples(STIMULUS, 10_000.0) == 20_000
