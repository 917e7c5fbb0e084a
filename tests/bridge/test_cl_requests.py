"""Pulses that a program of the CL API commands: what is requested of the gate."""

from types import SimpleNamespace

import numpy as np
import pytest

from crepe.actors.actor import ActorContext
from crepe.bridge.cl_requests import PULSE, REQUESTER, ClRequests, Pulse, log_undelivered, pulses
from crepe.messages import Command, Delivered, DeliveryState, Segment, Stimulus, StreamInfo
from crepe.safety.firing.form import well_formed
from crepe.safety.limits import Limits

CONTEXT = ActorContext(inputs={"data": StreamInfo(labels=("37", "57"))})
PHASES = ((-1.0, 160.0), (1.0, 160.0))


@pytest.fixture
def actor():
    opened = ClRequests()
    opened.open(CONTEXT)
    return opened


def command(value, at=1000):
    return Command(at, at + 1, PULSE, value, REQUESTER)


def request(actor, value):
    again, stimulus = actor.step(command(value))
    assert again == command(value)
    assert isinstance(stimulus, Stimulus)
    return stimulus


def pulse(sample, electrodes=("37",)):
    return Pulse(sample=sample, electrodes=electrodes, phases=PHASES).model_dump_json()


def refusal(stimulus):
    return Limits().refusal(
        stimulus.electrodes, stimulus.phases, stimulus.rate_hz, stimulus.n_pulses, stimulus.unit
    )


def test_a_pulse_is_a_train_of_one_whose_age_counts_from_its_sample(actor):
    stimulus = request(actor, pulse(900, ("37", "57")))
    assert (stimulus.number, stimulus.start, stimulus.stop, stimulus.due) == (1, 899, 900, 900)
    assert (stimulus.electrodes, stimulus.phases) == (("37", "57"), PHASES)
    assert (stimulus.n_pulses, stimulus.meaning) == (1, "cl")
    assert refusal(stimulus) is None


def test_a_pulse_for_later_waits_and_counts_from_its_arrival(actor):
    stimulus = request(actor, pulse(5000))
    assert (stimulus.stop, stimulus.due) == (1001, 5000)


@pytest.mark.parametrize(
    "value",
    [
        "", "[]", "nonsense", "[" * 10_000, '{"sample": 1}',
        '{"sample": -1, "electrodes": ["37"], "phases": [[-1, 160], [1, 160]]}',
        '{"sample": 1e30, "electrodes": ["37"], "phases": [[-1, 160], [1, 160]]}',
        '{"sample": 1, "electrodes": [37], "phases": [[-1, 160], [1, 160]]}',
        '{"sample": 1, "electrodes": ["37"], "phases": [[-1], [1, 160]]}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_request_that_is_refused(actor, value):
    stimulus = request(actor, value)
    assert well_formed(stimulus) == stimulus
    assert refusal(stimulus) == "electrodes: none named"


def test_other_messages_are_no_requests(actor):
    segment = Segment(0, 10, np.zeros((2, 10), np.int32))
    note = Command(0, 1, "gesture", "rock")
    assert [list(actor.step(message)) for message in (segment, note)] == [[], []]


def test_numbers_continue_after_a_restart(actor):
    request(actor, pulse(1))
    request(actor, pulse(2))
    again = ClRequests()
    again.open(ActorContext(inputs=CONTEXT.inputs, snapshot=actor.snapshot()))
    assert request(again, pulse(3)).number == 3


def stim(timestamp, channel, ua=1.0):
    return SimpleNamespace(
        timestamp=timestamp,
        channel=channel,
        phase_durations_us=(160, 160),
        phase_currents_uA=(-ua, ua),
    )


def test_pulses_of_one_moment_and_shape_are_one():
    stims = [stim(20, 22), stim(10, 0), stim(20, 38), stim(20, 30, ua=2.0)]
    together = pulses(stims, {22: "37", 38: "57", 30: "47"})
    assert [(p.sample, p.electrodes) for p in together] == [
        (10, ("channel 0",)), (20, ("47",)), (20, ("37", "57")),
    ]  # fmt: skip


def test_what_was_not_delivered_is_in_the_log(caplog):
    for number, state in enumerate(DeliveryState, 1):
        log_undelivered(Delivered(1, 2, number, state, "a reason"))
    assert [record.getMessage() for record in caplog.records] == [
        "stimulus 3 stopped: a reason", "stimulus 4 refused: a reason",
        "stimulus 5 unknown: a reason",
    ]  # fmt: skip
