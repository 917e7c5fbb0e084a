"""The state of a game in an environment: its phases, the moves between them, all that changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crepe.phases import GamePhase

PLAY, FEEDBACK = "play", "feedback"
"""Phases beside those of every game: the environment steps; it stands still for feedback."""

_END = frozenset({GamePhase.REST, GamePhase.OVER, GamePhase.PAUSED, PLAY})
NEXT: Mapping[str, frozenset[str]] = {
    GamePhase.REST: frozenset({PLAY, GamePhase.PAUSED, GamePhase.OVER}),
    PLAY: frozenset({FEEDBACK, GamePhase.OUTCOME}),
    FEEDBACK: _END | {GamePhase.OUTCOME},
    GamePhase.OUTCOME: _END | {FEEDBACK},
    GamePhase.PAUSED: frozenset({PLAY, GamePhase.REST, GamePhase.OVER}),
    GamePhase.OVER: frozenset(),
}


@dataclass
class State:
    """All that changes; numbers and text only, since it is the snapshot.

    The environment is not in it: it is begun again with its seed, and given `actions` again.
    """

    phase: str = GamePhase.REST
    began: dict[str, int] = field(default_factory=dict)  # phase of this episode: sample index
    seen: int = 0  # sample index up to which decisions have arrived
    at: int = 0  # sample index up to which the game is played, a multiple of the tick
    shown: int = 0  # sample index at which the picture was published last
    until: int = 0  # sample index at which feedback is over
    next_step: int = 0  # sample index of the environment's next step
    block: int = 0  # index
    trial: int = 0  # number of the episode
    is_running: bool = False  # the episode goes on
    actions: tuple[str, ...] = ()  # of the episode, one for each step
    total: float = 0.0  # reward of the episode
    decision: str = ""  # the last one
    dues: tuple[float, ...] = ()  # by site: pulses that the code asks for and that are to come
    number: int = 0  # of the last stimulus
    free: int = 0  # sample index at which the last requested stimulus is over
    feedback_from: int = 0  # sample index at which the first unpredictable pulse may come
    is_training: bool = False  # the present feedback is the coach's, and has no noise
    n_noise: int = 0  # unpredictable pulses of this feedback that were requested
    score: dict[str, int] = field(default_factory=dict)
