"""The state of a match of Pong: its phases, the moves between them, and all that changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """The phase of a rally."""

    REST = "rest"  #: Before a block.
    WAITING = "waiting"  #: For a serve from outside.
    PLAY = "play"  #: The ball flies.
    OUTCOME = "outcome"  #: A rally has ended: missed, or cut by the block's end.
    FEEDBACK = "feedback"  #: After a miss: unpredictable pulses, then silence.
    PAUSED = "paused"  #: An operator has paused the game.
    OVER = "over"  #: The session has ended.


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
    """All that changes; numbers and text only, since it is the snapshot.

    The names of the fields are stored in recordings, so they stay as they are.
    """

    phase: str = Phase.REST
    began: dict[str, int] = field(default_factory=dict)  # phase of this rally: sample index
    seen: int = 0  # sample index up to which decisions have arrived
    at: int = 0  # sample index up to which the match is played, a multiple of the step
    shown: int = 0  # sample index at which the court was published last
    until: int = 0  # sample index at which feedback is over
    block: int = 0  # index
    trial: int = 0  # number of the rally
    drawn_as: int = 0  # number of the rally whose random numbers it has: itself, or a replayed one
    wanted: int = -1  # in a replay, how often the ball flies back; -1: no replay
    first: int = 1  # number of the block's first rally
    ball: tuple[float, ...] = (1.0, 0.5, 0.0, 0.0)  # fields of court.Ball
    paddle_y: float = 0.5
    direction: int = 0
    shown_by: str = ""
    rally: int = 0  # hits before the first miss
    is_unbroken: bool = True  # nothing missed in this rally; a replayed one goes on all the same
    n_returned: int = 0  # times that the ball flew back
    number: int = 0  # of the last stimulus
    next_pulse: int = 0  # sample index at which the next pulse of the ball is due
    free: int = 0  # sample index at which the last requested stimulus is over
    feedback_from: int = 0  # sample index at which the first unpredictable pulse may come
    n_asked: int = 0  # unpredictable pulses of this feedback that were requested
    returned: tuple[int, ...] = ()  # n_returned of the block's rallies
    source_first: int = 0  # the last closed loop: number of its first rally,
    source: tuple[int, ...] = ()  # and n_returned of all of them
    score: dict[str, int] = field(default_factory=dict)
