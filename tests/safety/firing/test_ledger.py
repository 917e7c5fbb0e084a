"""What was requested is answered once, by stream and number, over restarts, too."""

from dataclasses import replace
from types import SimpleNamespace

from crepe.messages import DeliveryState, StreamInfo
from crepe.safety.firing.ledger import Ledger, requester
from crepe.safety.real_time import RealTime
from crepe.store.codec import pack_value, unpack_value

STREAMS = ("a:stimuli", "b:stimuli")


def ledger(position=0, snapshot=None):
    time = RealTime(10_000.0, position, None, lambda: 0)
    return Ledger(STREAMS, time, position, snapshot or {})


def restarted(before, open_trains=(), position=0):
    snapshot = unpack_value(pack_value(before.snapshot(list(open_trains))))
    return ledger(position, snapshot)


def test_a_stream_is_read_on_where_it_had_come_to_and_never_backwards():
    before = ledger(position=500)
    assert before.positions == {"a:stimuli": 500, "b:stimuli": 500}
    before.on_position("a:stimuli", 700)
    before.on_position("a:stimuli", 600)
    before.on_position("data", 900)
    assert restarted(before, position=5000).positions == {"a:stimuli": 700, "b:stimuli": 500}


def test_a_number_is_used_once_in_each_stream():
    before = ledger()
    assert before.use("a:stimuli", 3) is None
    assert before.use("b:stimuli", 3) is None
    again = restarted(before)
    assert again.use("a:stimuli", 3) == (
        "number 3: a:stimuli has requested a stimulus of this number before"
    )
    assert again.use("a:stimuli", 2) is None


def test_a_number_that_was_refused_is_used_but_0_is_none():
    book = ledger()
    answer = book.refuse("a:stimuli", 4, "malformed")
    assert (answer.stream, answer.number, answer.state) == ("a:stimuli", 4, "refused")
    assert book.use("a:stimuli", 4)
    book.refuse("a:stimuli", 0, "no number")
    assert book.snapshot([])["numbers"]["a:stimuli"] == [(4, 4)]


def test_what_was_open_is_answered_once_and_stays_open_until_then():
    lost = [("a:stimuli", 3), ("b:stimuli", 3)]
    again = restarted(restarted(ledger(), lost))  # killed once more before it could answer
    assert [(a.stream, a.number, a.state) for a in again.answer_lost()] == [
        ("a:stimuli", 3, "unknown"),
        ("b:stimuli", 3, "unknown"),
    ]
    assert list(again.answer_lost()) == []
    assert again.snapshot([])["open_trains"] == []


def test_a_requester_is_named_by_its_program_and_its_stream():
    info = replace(StreamInfo(), writer="game-0123456789ab")
    assert requester("result:stimuli", info) == "game (result:stimuli)"
    assert requester("more", StreamInfo()) == "more"


def test_an_answer_has_the_last_sample_as_its_window():
    for position, window in ((0, (0, 0)), (1, (0, 1)), (500, (499, 500))):
        answer = ledger(position).refuse("a:stimuli", 1, "late")
        assert (answer.start, answer.stop, answer.reason) == (*window, "late")


def test_what_was_open_before_is_open_with_what_is_open_now():
    again = restarted(ledger(), [("a:stimuli", 3)])
    assert again.snapshot([("b:stimuli", 4)])["open_trains"] == [("a:stimuli", 3), ("b:stimuli", 4)]
    (answer,) = again.answer_lost()
    assert answer.reason == "the stimulator was restarted meanwhile"


def test_an_answer_is_to_the_train_that_was_requested():
    train = SimpleNamespace(stream="b:stimuli", number=7)
    answer = ledger(500).answer(train, DeliveryState.STOPPED, "no data")
    assert (answer.stream, answer.number, answer.state) == ("b:stimuli", 7, "stopped")
    assert (answer.start, answer.stop, answer.reason) == (499, 500, "no data")
