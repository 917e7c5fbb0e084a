"""The desk: one result stands, that of the trial which the last input began."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.messages import GameState
from crepe.sensor.input_tracker import NEXT, Desk, State
from crepe.sensor.original_words import as_json


def said(phase, trial=1, by="sensor a", **more):
    return GameState(0, 1, trial, phase, shown_by=by, **more)


def play(desk, number, trial=1, decoded="rock", speaker="sensor"):
    """A whole trial begun by an input."""
    by = f"{speaker} {number}"
    desk.hear(said("stimulation", trial, by, gesture="rock"))
    desk.hear(said("response", trial, by))
    desk.hear(said("outcome", trial, by, decoded=decoded, answer="paper", outcome="won"))
    desk.hear(said("rest", trial + 1, ""))


def test_a_result_is_there_from_the_outcome_to_the_next_input():
    desk = Desk("sensor")
    assert desk.posted("a", "rock").state is State.WAITING
    assert desk.result is None
    play(desk, "a")
    assert desk.result is desk.find("a")
    assert (desk.result.trial, desk.result.decoded) == (1, "rock")
    desk.posted("b", "paper")
    assert desk.result is None
    play(desk, "b", 2, decoded=None)
    assert (desk.result.number, desk.result.decoded) == ("b", None)


def test_an_input_that_can_begin_no_trial_takes_no_result_away():
    desk = Desk("sensor")
    desk.posted("a", "rock")
    desk.hear(said("stimulation"))
    assert desk.posted("b", "paper").reason == "trial 1 is under way: stimulation"
    assert desk.posted("c", None).reason == "no hand in the frame"
    desk.hear(said("outcome", outcome="won"))
    desk.posted("d", None)
    assert desk.result.number == "a"
    for i in range(1000):
        desk.posted(f"more {i}", None)
    assert desk.result.number == "a"
    assert desk.find("b") is None


def test_of_two_inputs_that_wait_the_one_that_the_game_names_is_playing():
    desk = Desk("sensor")
    desk.posted("a", "rock")
    desk.posted("b", "paper")
    assert desk.find("a").reason == "another gesture was shown after it"
    desk.hear(said("stimulation", by="sensor a"))
    assert desk.find("a").state is State.PLAYING
    assert desk.find("b").reason == "trial 1 began with another gesture"


def test_a_trial_that_somebody_else_began_leaves_no_result_here():
    desk = Desk("sensor")
    desk.posted("a", "rock")
    play(desk, "x", speaker="script")
    assert desk.result is None
    assert desk.find("a").state is State.UNUSED


def test_what_the_game_refuses_is_unused_for_its_reason():
    desk = Desk("sensor")
    desk.posted("a", "rock")
    desk.hear(said("refused", outcome="the player is 'script'"))
    assert desk.find("a").state is State.UNUSED
    assert desk.find("a").reason == "the player is 'script'"
    desk.hear(said("refused", by="sensor unheard-of"))


def test_what_follows_a_refusal_in_the_same_trial_does_not_wait_for_one_of_its_own():
    desk = Desk("sensor")
    desk.hear(said("rest", by=""))
    desk.posted("a", "rock")
    desk.hear(said("refused", outcome="the player is 'person'"))
    desk.hear(said("waiting", by=""))
    assert desk.posted("b", "rock").state is State.UNUSED  # the game says it once in a trial
    assert desk.find("b").reason == "the player is 'person'"
    desk.posted("c", "rock")
    desk.hear(said("stimulation", by="sensor c", gesture="rock"))  # it is the sensor's turn again
    assert desk.find("c").state is State.PLAYING
    desk.hear(said("outcome", by="sensor c", outcome="won"))
    desk.hear(said("rest", 2, ""))
    assert desk.posted("d", "rock").state is State.WAITING


def test_after_the_last_trial_the_result_stays_and_inputs_are_told():
    desk = Desk("sensor")
    desk.posted("a", "rock")
    play(desk, "a")
    desk.posted("b", "rock")
    desk.hear(said("over"))
    assert desk.find("b").state is State.OVER
    assert desk.posted("c", "rock").state is State.OVER
    assert desk.newest_result.number == "a"


def test_a_new_desk_learns_of_inputs_from_the_game():
    desk = Desk("sensor")
    play(desk, "earlier", trial=7)
    assert desk.result.trial == 7
    assert desk.posted("earlier", "rock") is desk.result


def test_a_result_says_more_than_an_input():
    desk = Desk("sensor")
    assert as_json(desk.posted("a", None)) == {
        "input": "a", "gesture": "None", "state": "unused", "reason": "no hand in the frame", "trial": 0,
    }  # fmt: skip
    play(desk, "b", decoded="scissors")
    assert as_json(desk.result) == {
        "input": "b", "gesture": "Rock", "state": "result", "reason": "", "trial": 1,
        "decoded": "Scissor", "answer": "Paper", "outcome": "won",
    }  # fmt: skip


def test_a_move_that_is_not_in_the_table_is_an_error():
    assert set(NEXT) == set(State)
    desk = Desk("sensor")
    desk.posted("a", "rock")
    with pytest.raises(RuntimeError, match="input a: from waiting to result"):
        desk._change("a", State.RESULT)


numbers = st.sampled_from("abc")
phases = st.sampled_from(
    ["rest", "waiting", "stimulation", "response", "outcome", "refused", "over"]
)


@given(st.lists(st.tuples(numbers, st.booleans(), phases)))
def test_in_whatever_order_things_are_heard_a_result_has_an_outcome(course):
    desk = Desk("sensor")
    for number, is_posted, phase in course:
        if is_posted:
            desk.posted(number, "rock")
        else:
            desk.hear(said(phase, by=f"sensor {number}", outcome="won"))
        assert desk.result is None or desk.result.outcome == "won"
