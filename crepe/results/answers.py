"""The stimulator's answers by request: the stream of a request and its number name it."""

from collections.abc import Iterable, Mapping

from crepe.messages import Delivered, DeliveryState

FINAL = (
    DeliveryState.DELIVERED,
    DeliveryState.STOPPED,
    DeliveryState.REFUSED,
    DeliveryState.UNKNOWN,
)
"""States of a final answer."""

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


def counts_text(n_by_state: Mapping[str, int]) -> str:
    """Return the numbers of final answers by state as text; of rare ones only if there are any."""
    always = (DeliveryState.DELIVERED, DeliveryState.REFUSED)
    return ", ".join(
        f"{n_by_state.get(state, 0)} {state}"
        for state in FINAL
        if n_by_state.get(state, 0) or state in always
    )


def answer_to(stream: str, number: int, answers: Answers) -> Delivered | None:
    """Return the answer to a request; in early recordings answers name no stream."""
    return answers.get((stream, number)) or answers.get(("", number))
