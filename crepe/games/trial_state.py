"""Where a game of trials is: its phases, how one may follow another, and all that changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """Where a trial is."""

    REST = "rest"
    WAITING = "waiting"  # for a gesture from outside
    STIMULATION = "stimulation"
    RESPONSE = "response"
    OUTCOME = "outcome"
    PAUSED = "paused"
    OVER = "over"


NEXT: Mapping[Phase, frozenset[Phase]] = {
    Phase.REST: frozenset({Phase.WAITING, Phase.STIMULATION, Phase.PAUSED}),
    Phase.WAITING: frozenset({Phase.STIMULATION, Phase.PAUSED}),
    Phase.PAUSED: frozenset({Phase.REST}),
    Phase.STIMULATION: frozenset({Phase.RESPONSE}),
    Phase.RESPONSE: frozenset({Phase.OUTCOME}),
    Phase.OUTCOME: frozenset({Phase.REST, Phase.OVER}),
    Phase.OVER: frozenset(),
}


@dataclass
class State:
    """All that changes; numbers and names only, since it is the snapshot."""

    phase: Phase = Phase.REST
    began: dict[str, int] = field(default_factory=dict)  # phase of this trial: sample index
    until: int = -1  # sample index at which the phase ends
    block: int = 0  # index
    in_block: int = 0  # trials begun in it
    trial: int = 0  # number
    gesture: str = ""
    shown_by: str = ""
    chosen: str = ""  # condition of this trial, where no plan decides
    refused_in: int = -1  # trial in which a sensor was refused last
    next: tuple[str, str] = ("", "")  # shown during the rest: gesture, by whom
    votes: dict[str, int] = field(default_factory=dict)
    score: dict[str, int] = field(default_factory=dict)
