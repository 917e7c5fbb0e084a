"""The stimulator's answers by request: the stream of a request and its number name it."""

from collections.abc import Iterable, Mapping

from crepe.messages import Delivered, DeliveryState

Answers = Mapping[tuple[str, int], Delivered]
"""The answer that counts, by stream and number of the request."""


def by_request(answers: Iterable[Delivered]) -> dict[tuple[str, int], Delivered]:
    """Return the answer that counts to each request: the final one, or `intended`.

    A number that a requester used again was refused under that number, too; the first stands.
    """
    counting: dict[tuple[str, int], Delivered] = {}
    for answer in answers:
        before = counting.get((answer.stream, answer.number))
        if before is None or before.state == DeliveryState.INTENDED:
            counting[answer.stream, answer.number] = answer
    return counting


def answer_to(stream: str, number: int, answers: Answers) -> Delivered | None:
    """Return the answer to a request; in early recordings answers name no stream."""
    return answers.get((stream, number)) or answers.get(("", number))
