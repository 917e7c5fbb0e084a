"""The tracker: one result stands, that of the trial which the last input began."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.messages import GameState
from crepe.sensor.input_tracker import NEXT, InputTracker, State
from crepe.sensor.original_wording import as_json


def said(phase, trial=1, by="sensor a", **more):
    return GameState(0, 1, trial, phase, shown_by=by, **more)


def play(tracker, number, trial=1, decoded="rock", speaker="sensor"):
    """A whole trial begun by an input."""
    by = f"{speaker} {number}"
    tracker.follow(said("stimulation", trial, by, gesture="rock"))
    tracker.follow(said("response", trial, by))
    tracker.follow(said("outcome", trial, by, decoded=decoded, answer="paper", outcome="won"))
    tracker.follow(said("rest", trial + 1, ""))


def test_a_result_is_there_from_the_outcome_to_the_next_input():
    tracker = InputTracker("sensor")
    assert tracker.add("a", "rock").state is State.WAITING
    assert tracker.result is None
    play(tracker, "a")
    assert tracker.result is tracker.find("a")
    assert (tracker.result.trial, tracker.result.decoded) == (1, "rock")
    tracker.add("b", "paper")
    assert tracker.result is None
    play(tracker, "b", 2, decoded=None)
    assert (tracker.result.number, tracker.result.decoded) == ("b", None)


def test_an_input_that_can_begin_no_trial_takes_no_result_away():
    tracker = InputTracker("sensor")
    tracker.add("a", "rock")
    tracker.follow(said("stimulation"))
    assert tracker.add("b", "paper").reason == "trial 1 is under way: stimulation"
    assert tracker.add("c", None).reason == "no hand in the frame"
    tracker.follow(said("outcome", outcome="won"))
    tracker.add("d", None)
    assert tracker.result.number == "a"
    for i in range(1000):
        tracker.add(f"more {i}", None)
    assert tracker.result.number == "a"
    assert tracker.find("b") is None


def test_of_two_inputs_that_wait_the_one_that_the_game_names_is_playing():
    tracker = InputTracker("sensor")
    tracker.add("a", "rock")
    tracker.add("b", "paper")
    assert tracker.find("a").reason == "another gesture was shown after it"
    tracker.follow(said("stimulation", by="sensor a"))
    assert tracker.find("a").state is State.PLAYING
    assert tracker.find("b").reason == "trial 1 began with another gesture"


def test_a_trial_of_another_player_leaves_no_result():
    tracker = InputTracker("sensor")
    tracker.add("a", "rock")
    play(tracker, "x", speaker="script")
    assert tracker.result is None
    assert tracker.find("a").state is State.UNUSED


def test_what_the_game_refuses_is_unused_for_its_reason():
    tracker = InputTracker("sensor")
    tracker.add("a", "rock")
    tracker.follow(said("refused", outcome="the player is 'script'"))
    assert tracker.find("a").state is State.UNUSED
    assert tracker.find("a").reason == "the player is 'script'"
    tracker.follow(said("refused", by="sensor unheard-of"))


def test_what_follows_a_refusal_in_the_same_trial_does_not_wait_for_one_of_its_own():
    tracker = InputTracker("sensor")
    tracker.follow(said("rest", by=""))
    tracker.add("a", "rock")
    tracker.follow(said("refused", outcome="the player is 'person'"))
    tracker.follow(said("waiting", by=""))
    assert tracker.add("b", "rock").state is State.UNUSED  # the game says it once in a trial
    assert tracker.find("b").reason == "the player is 'person'"
    tracker.add("c", "rock")
    tracker.follow(
        said("stimulation", by="sensor c", gesture="rock")
    )  # it is the sensor's turn again
    assert tracker.find("c").state is State.PLAYING
    tracker.follow(said("outcome", by="sensor c", outcome="won"))
    tracker.follow(said("rest", 2, ""))
    assert tracker.add("d", "rock").state is State.WAITING


def test_after_the_last_trial_the_result_stays_and_inputs_are_closed():
    tracker = InputTracker("sensor")
    tracker.add("a", "rock")
    play(tracker, "a")
    tracker.add("b", "rock")
    tracker.follow(said("over"))
    assert tracker.find("b").state is State.OVER
    assert tracker.add("c", "rock").state is State.OVER
    assert tracker.newest_result.number == "a"


def test_a_new_desk_learns_of_inputs_from_the_game():
    tracker = InputTracker("sensor")
    play(tracker, "earlier", trial=7)
    assert tracker.result.trial == 7
    assert tracker.add("earlier", "rock") is tracker.result


def test_a_result_has_further_fields():
    tracker = InputTracker("sensor")
    assert as_json(tracker.add("a", None)) == {
        "input": "a", "gesture": "None", "state": "unused", "reason": "no hand in the frame", "trial": 0,
    }  # fmt: skip
    play(tracker, "b", decoded="scissors")
    assert as_json(tracker.result) == {
        "input": "b", "gesture": "Rock", "state": "result", "reason": "", "trial": 1,
        "decoded": "Scissor", "answer": "Paper", "outcome": "won",
    }  # fmt: skip


def test_a_move_that_is_not_in_the_table_is_an_error():
    assert set(NEXT) == set(State)
    tracker = InputTracker("sensor")
    tracker.add("a", "rock")
    with pytest.raises(RuntimeError, match="input a: from waiting to result"):
        tracker._change("a", State.RESULT)


numbers = st.sampled_from("abc")
phases = st.sampled_from(
    ["rest", "waiting", "stimulation", "response", "outcome", "refused", "over"]
)


@given(st.lists(st.tuples(numbers, st.booleans(), phases)))
def test_in_any_order_of_states_and_posts_a_result_has_an_outcome(course):
    tracker = InputTracker("sensor")
    for number, is_posted, phase in course:
        if is_posted:
            tracker.add(number, "rock")
        else:
            tracker.follow(said(phase, by=f"sensor {number}", outcome="won"))
        assert tracker.result is None or tracker.result.outcome == "won"
