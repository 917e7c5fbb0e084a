"""Stimulators whose trains are all fixed before a run."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from crepe.messages import Stimulus


class FixedPatterns(ABC):
    """A stimulator that must know all trains of an experiment at once."""

    @abstractmethod
    def refusal_together(self, trains: Sequence[Stimulus]) -> str | None:
        """Return why the instrument cannot hold all these trains at once, or None. Pure."""
