"""What moves between actors: windows with their messages, and the state to resume from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crepe.messages import Message, Unreadable


class Batch(NamedTuple):
    """One entry's window and messages, on its way between actors."""

    stream: str
    start: int
    stop: int
    messages: Sequence[Message] = ()
    is_end: bool = False
    command_id: str = ""  # of a command from outside the clock
    unreadable: Sequence[Unreadable] = ()  # what else the entry held


class OutputBatch(NamedTuple):
    """A batch that an actor has published, with the state from which the actor can resume."""

    batch: Batch
    position: int
    snapshot: Mapping[str, Any] | None
    command_id: str  # of the last command that the actor had received


class Resume(NamedTuple):
    """The point from which an actor resumes, read from the last entries of its own streams."""

    position: int  # input position
    stops: Mapping[str, int]  # sample index at which each output stream ends
    snapshot: Mapping[str, Any] | None = None
    command_id: str = ""
    is_ended: bool = False
