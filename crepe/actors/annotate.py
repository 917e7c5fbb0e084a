"""Commands to the experiment, stamped with their sample index, so that they can be recorded."""

from typing import ClassVar

from crepe.actors.actor import Actor
from crepe.messages import Command, Decision, Segment, Spikes


class Annotate(Actor[Spikes | Decision | Segment | Command, Command]):
    """Every command again, with the sample index of its arrival.

    The first stream that it reads is its clock. It continues after a game's end, so that a note is
    recorded at any time.
    """

    is_sparse: ClassVar[bool] = True

    def step(self, message: Spikes | Decision | Segment | Command) -> Command | None:
        return message if isinstance(message, Command) else None
