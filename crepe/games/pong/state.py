"""Where a game of Pong is: its phases, how one may follow another, and all that changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """Where a rally is."""

    REST = "rest"  # before a block
    WAITING = "waiting"  # for a serve from outside
    PLAY = "play"
    OUTCOME = "outcome"  # a rally has ended: missed, or cut by the block's end
    FEEDBACK = "feedback"  # after a miss: unpredictable pulses, then silence
    PAUSED = "paused"
    OVER = "over"


NEXT: Mapping[Phase, frozenset[Phase]] = {
    Phase.REST: frozenset({Phase.WAITING, Phase.PLAY, Phase.PAUSED, Phase.OVER}),
    Phase.WAITING: frozenset({Phase.PLAY, Phase.REST, Phase.PAUSED, Phase.OVER}),
    Phase.PLAY: frozenset({Phase.OUTCOME}),
    Phase.OUTCOME: frozenset(set(Phase) - {Phase.OUTCOME}),
    Phase.FEEDBACK: frozenset({Phase.WAITING, Phase.PLAY, Phase.PAUSED, Phase.REST, Phase.OVER}),
    Phase.PAUSED: frozenset({Phase.WAITING, Phase.PLAY, Phase.REST, Phase.OVER}),
    Phase.OVER: frozenset(),
}


@dataclass
class State:
    """All that changes; numbers and names only, since it is the snapshot."""

    phase: str = Phase.REST
    began: dict[str, int] = field(default_factory=dict)  # phase of this rally: sample index
    seen: int = 0  # sample index up to which decisions are known
    at: int = 0  # up to which is played, a multiple of the step
    shown: int = 0  # at which the court was published last
    until: int = 0  # at which feedback is over
    block: int = 0  # index
    trial: int = 0  # number of the rally
    drawn_as: int = (
        0  # number of the rally that its chance is taken from: itself, or a replayed one
    )
    wanted: int = -1  # in a replay, how often the ball flies back
    first: int = 1  # number of the block's first rally
    ball: tuple[float, ...] = (1.0, 0.5, 0.0, 0.0)  # fields of court.Ball
    paddle_y: float = 0.5
    direction: int = 0
    shown_by: str = ""
    rally: int = 0  # hits before the first miss
    is_unbroken: bool = True  # nothing missed in this rally; a replayed one goes on all the same
    n_returned: int = 0  # times that the ball flew back
    number: int = 0  # of the last stimulus
    next_pulse: int = 0  # when the next sensory pulse is due
    free: int = 0  # when the last thing that was asked for is over
    feedback_from: int = 0  # when the first unpredictable pulse may come
    n_asked: int = 0  # of the unpredictable pulses
    returned: tuple[int, ...] = ()  # n_returned of the block's rallies
    source_first: int = 0  # the last closed loop: number of its first rally,
    source: tuple[int, ...] = ()  # and n_returned of all of them
    score: dict[str, int] = field(default_factory=dict)
