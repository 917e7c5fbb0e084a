"""Trains that wait and the one that fires."""

from dataclasses import replace

from crepe.messages import Stimulus
from crepe.safety.real_time import Moment
from crepe.safety.train import Train, TrainState
from crepe.safety.train_queue import TrainQueue

STIMULUS = Stimulus(0, 1, 1, 500, ("48",), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 4)


def queue(*dues):
    trains = TrainQueue(10_000.0)
    for number, due in enumerate(dues, 1):
        stimulus = replace(STIMULUS, number=number, due=due)
        trains.append(Train(stimulus, stimulus, Moment(1, 1), "result:stimuli"))
    return trains


def test_an_empty_queue_refuses_no_train():
    trains = queue()
    assert trains.is_empty
    assert trains.refusal(STIMULUS) is None


def test_a_train_that_is_due_before_the_last_one_ends_is_refused():
    trains = queue(500, 2500)
    assert trains.refusal(replace(STIMULUS, due=4500)) is None
    assert trains.refusal(replace(STIMULUS, due=4499)) == (
        "due at 4499, but another train is due until 4500; one runs at a time"
    )


def test_the_waiting_trains_for_which_there_is_a_reason_leave_the_queue():
    trains = queue(500, 2500, 4500)
    taken = trains.take_all(lambda train: "even" if train.number % 2 == 0 else None)
    assert [(train.number, reason) for train, reason in taken] == [(2, "even")]
    assert [stimulus.number for stimulus in trains.waiting] == [1, 3]


def test_requests_are_those_of_the_firing_train_and_all_that_wait():
    trains = queue(500, 2500, 4500)
    trains.fire(trains.take_next())
    assert trains.requests == [("result:stimuli", number) for number in (1, 2, 3)]
    assert [stimulus.number for stimulus in trains.waiting] == [2, 3]


def test_electrodes_are_connected_for_a_prepared_train_until_the_instrument_is_stopped():
    trains = queue(500)
    assert not trains.is_connected
    trains.next.move(TrainState.PREPARED)
    assert trains.is_connected
    trains.disconnect()
    assert not trains.is_connected
    assert trains.next.state is TrainState.WAITING


def test_a_train_that_fired_is_over_when_it_leaves_the_queue():
    trains = queue(500)
    train = trains.take_next()
    train.move(TrainState.PREPARED)
    train.move(TrainState.FIRING)
    trains.fire(train)
    assert trains.is_connected
    assert trains.end_firing() is train
    assert train.state is TrainState.OVER
    assert trains.is_empty
    assert trains.end_firing() is None
