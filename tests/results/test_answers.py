"""The answer that counts to each request."""

from crepe.messages import Delivered, GameState
from crepe.results.answers import answer_to, by_request, counted_score, outcomes_left_out


def answers(*triples):
    return [Delivered(0, 1, number, state, stream=stream) for stream, number, state in triples]


def test_the_final_answer_counts_and_streams_are_told_apart():
    counting = by_request(
        answers(
            ("a", 1, "intended"), ("b", 1, "intended"), ("a", 1, "delivered"), ("b", 1, "refused"),
            ("a", 2, "intended"),
        )
    )  # fmt: skip
    states = {key: str(answer.state) for key, answer in counting.items()}
    assert states == {("a", 1): "delivered", ("b", 1): "refused", ("a", 2): "intended"}


def test_a_refused_repetition_of_a_number_does_not_replace_the_first_answer():
    (answer,) = by_request(answers(("a", 1, "delivered"), ("a", 1, "refused"))).values()
    assert answer.state == "delivered"


def test_an_answer_of_an_early_recording_is_found_by_its_number():
    counting = by_request(answers(("", 1, "delivered")))
    assert answer_to("result:stimuli", 1, counting).state == "delivered"
    assert answer_to("result:stimuli", 2, counting) is None


def test_a_score_leaves_out_trials_whose_pulses_were_not_delivered():
    def state(trial, outcome, **fields):
        return GameState(0, 1, trial, "outcome", outcome=outcome, **{"gesture": "rock", **fields})

    ended = [
        state(1, "won"), state(2, "lost"), state(3, "won"),
        state(4, "lost", condition="sham"), state(5, "miss", gesture=None),
    ]  # fmt: skip
    left_out = outcomes_left_out(ended, {3})
    assert left_out == {"won": 1, "lost": 1}
    score = {"won": 2, "lost": 2, "miss": 1}
    expected = {"won": 1, "lost": 1, "miss": 1, "without pulses": 2}
    assert counted_score(score, left_out) == expected
    assert counted_score(score, outcomes_left_out(ended, None)) == score
