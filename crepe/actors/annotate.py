"""Stamps what people say to the experiment with its sample index, so that it can be recorded."""

from typing import ClassVar

from crepe.actors.actor import Actor
from crepe.messages import Command, Decision, Segment, Spikes


class Annotate(Actor[Spikes | Decision | Segment | Command, Command]):
    """Publishes every command again, with the sample index at which it was heard.

    The first stream that it reads is its clock. It goes on when a game is over, so that a note is
    kept whenever it is made.
    """

    is_sparse: ClassVar[bool] = True

    def step(self, message: Spikes | Decision | Segment | Command) -> Command | None:
        return message if isinstance(message, Command) else None
