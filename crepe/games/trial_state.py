"""The state of a game of trials: its phases, the moves between them, and all that changes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from crepe.phases import GamePhase

NEXT: Mapping[GamePhase, frozenset[GamePhase]] = {
    GamePhase.REST: frozenset({GamePhase.WAITING, GamePhase.STIMULATION, GamePhase.PAUSED}),
    GamePhase.WAITING: frozenset({GamePhase.STIMULATION, GamePhase.PAUSED}),
    GamePhase.PAUSED: frozenset({GamePhase.REST}),
    GamePhase.STIMULATION: frozenset({GamePhase.RESPONSE}),
    GamePhase.RESPONSE: frozenset({GamePhase.OUTCOME}),
    GamePhase.OUTCOME: frozenset({GamePhase.REST, GamePhase.OVER}),
    GamePhase.OVER: frozenset(),
}


@dataclass
class State:
    """All that changes; numbers and text only, since it is the snapshot.

    The names of the fields are stored in recordings, so they stay as they are.
    """

    phase: GamePhase = GamePhase.REST
    began: dict[str, int] = field(default_factory=dict)  # phase of this trial: sample index
    until: int = -1  # sample index at which the phase ends
    block: int = 0  # index
    in_block: int = 0  # trials begun in it
    trial: int = 0  # number
    gesture: str = ""
    shown_by: str = ""
    chosen: str = ""  # condition of this trial, where no plan decides
    refused_in: int = -1  # trial in which a sensor was refused last
    next: tuple[str, str] = ("", "")  # shown during the rest: gesture, and its sender
    votes: dict[str, int] = field(default_factory=dict)
    score: dict[str, int] = field(default_factory=dict)

    def vote(self, decision: str, *, is_last: bool) -> None:
        """Count a decision of the response; with `is_last` it replaces those before it."""
        if is_last:
            self.votes.clear()
        self.votes[decision] = self.votes.get(decision, 0) + 1

    @property
    def decoded(self) -> str | None:
        """The most frequent decision of the response; None without one, or in a tie."""
        best = Counter(self.votes).most_common(2)
        is_tied = len(best) == 2 and best[0][1] == best[1][1]
        return best[0][0] if best and not is_tied else None
