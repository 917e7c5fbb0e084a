"""Control decoder: random decisions, independent of the culture."""

from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.messages import Decision, Spikes


class RandomDecision(Actor[Spikes, Decision]):
    """Decoder that draws each answer with equal chance in every window.

    The draw follows from the session's seed and the sample index, so a restart changes nothing.
    """

    decides_by: ClassVar[str] = "chance alone, whatever the culture does"

    answers: tuple[str, ...] = Field(min_length=2)
    """The possible answers, drawn with equal chance."""

    _seed: int = PrivateAttr()

    def open(self, context: ActorContext) -> None:
        self._seed = context.session_seed

    def possible_decisions(self) -> tuple[str, ...]:
        return self.answers

    def step(self, spikes: Spikes) -> Decision:
        rng = np.random.default_rng([self._seed, spikes.stop])
        return Decision(spikes.start, spikes.stop, self.answers[rng.integers(len(self.answers))])
