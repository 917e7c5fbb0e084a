"""The stimulator's answers by request: the stream of a request and its number name it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from crepe.conditions import UNSTIMULATED
from crepe.messages import Delivered, DeliveryState, GameState, Message

FINAL = (
    DeliveryState.DELIVERED,
    DeliveryState.STOPPED,
    DeliveryState.REFUSED,
    DeliveryState.UNKNOWN,
)
"""States of a final answer."""

WITHOUT_PULSES = "without pulses"
"""Counted in place of the outcome of a trial whose pulses were not delivered."""

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


def stimulated(answers: Iterable[Message]) -> set[int]:
    """Return the numbers of the trials whose pulses were delivered to their end."""
    return {a.number for a in answers if isinstance(a, Delivered) and a.state == "delivered"}


def counted(states: Sequence[GameState], has_pulses: Collection[int] | None) -> list[GameState]:
    """Return the trials whose answers count: without those whose pulses were not delivered.

    Pulses that were refused, as before arming, asked the culture nothing. All trials count where no
    pulse is requested (`sham`, `rest`), where a trial shows no gesture (rallies of Pong), and where
    nothing is known (`has_pulses` is None).
    """
    return [
        state
        for state in states
        if has_pulses is None
        or state.gesture is None
        or state.condition in UNSTIMULATED
        or state.trial in has_pulses
    ]


def counted_score(score: Mapping[str, int], left_out: Mapping[str, int]) -> dict[str, int]:
    """Return a game's score without the trials that do not count, and their number.

    Parameters
    ----------
    score
        As the game gives it: it counts every trial by outcome, since it does not know what became
        of its pulses.
    left_out
        Number of trials whose pulses were not delivered, by outcome.
    """
    if not (n_left_out := sum(left_out.values())):
        return dict(score)
    rest = {name: n - left_out.get(name, 0) for name, n in score.items()}
    return {**{name: n for name, n in rest.items() if n}, WITHOUT_PULSES: n_left_out}


def outcomes_left_out(
    ended: Sequence[GameState], has_pulses: Collection[int] | None
) -> Counter[str]:
    """Return the number of finished trials that `counted` leaves out, by outcome."""
    numbers = {state.trial for state in counted(ended, has_pulses)}
    return Counter(state.outcome or "" for state in ended if state.trial not in numbers)
