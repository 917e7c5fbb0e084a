"""The answer that counts to each request."""

from crepe.messages import Delivered
from crepe.results.answers import answer_to, by_request


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
