"""A coach that learns which training stimulus is followed by better episodes."""

# Decision 112: the rule, and what of it is published.

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from crepe.safety.sub_trains import cuttable

Pair = tuple[str, str]


class CoachSettings(BaseModel):
    """The table `coach` of a game with a coach. All numbers are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    units: tuple[str, ...] = Field(min_length=2)
    """Labels of the training electrodes; every two of them are a pair that can be trained."""
    n_recent: PositiveInt = 10
    """Number of episodes of the running mean."""
    learning_rate: float = Field(0.3, gt=0, le=1)
    """Part (a ratio) by which a pair's value moves towards each new reward."""
    exploration: float = Field(0.2, ge=0, le=1)
    """Probability (a ratio) of a pair at random instead of the best one."""
    rate_hz: PositiveFloat = 50.0
    """Rate of the training train, on both electrodes of a pair at once."""
    train_s: PositiveFloat = 0.2
    """Length of the training train."""
    rest_s: NonNegativeFloat = 0.3
    """Time without pulses after the train, before the next episode."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two training electrodes, in the order of `units`."""
        return tuple(combinations(self.units, 2))

    @property
    def n_pulses(self) -> int:
        """Number of pulses of a train."""
        return cuttable(max(1, round(self.rate_hz * self.train_s)), self.rate_hz)  # decision 20

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        if len(set(self.units)) != len(self.units):
            raise ValueError("units: an electrode is named twice")
        return self


class Coach:
    """Chooses the pair to train after an episode that fell short of the recent ones.

    The choice is epsilon-greedy among action values of the pairs, each an exponentially weighted
    mean of its rewards (Sutton & Barto 2018, Reinforcement Learning, 2nd ed., sections 2.2 and
    2.5). The reward is what the next episode returned beyond the running mean. Each block begins
    with a coach that knows nothing.

    Parameters
    ----------
    seed
        All that is chosen by chance follows from it and the number of the episode.
    snapshot
        A value of `snapshot`, from which the coach goes on.
    """

    def __init__(
        self, settings: CoachSettings, seed: int, snapshot: Mapping[str, Any] | None = None
    ) -> None:
        self.settings = settings
        self._seed = seed
        self._block = -1
        self._recent: list[float] = []  # returns of the last episodes
        self._last: int | None = None  # index of the pair that was trained before this episode
        self._request = -1  # number of the stimulus that trained it; -1: none
        self._values = np.zeros(len(settings.pairs))
        if snapshot:
            self._block, self._recent = snapshot["block"], list(snapshot["recent"])
            self._last, self._request = snapshot["last"], snapshot.get("request", -1)
            self._values = np.array(snapshot["values"], np.float64)

    def snapshot(self) -> dict[str, Any]:
        """Return all that changes, as numbers."""
        return {
            "block": self._block,
            "recent": list(self._recent),
            "last": self._last,
            "request": self._request,
            "values": self._values.tolist(),
        }

    @property
    def values(self) -> dict[Pair, float]:
        """The value of each pair: the mean return beyond the running mean, recent ones first."""
        return dict(zip(self.settings.pairs, self._values.tolist(), strict=True))

    def judge(self, total: float, episode: int, block: int, *, is_random: bool) -> Pair | None:
        """Return the pair to train after an ended episode, if any, and learn from the episode.

        Parameters
        ----------
        total
            The episode's return.
        is_random
            Choose among all pairs by chance alone.
        """
        if block != self._block:
            self._block, self._recent, self._last = block, [], None
            self._values = np.zeros_like(self._values)
        # The first episode of a block has nothing to be compared with.
        surplus = total - float(np.mean(self._recent)) if self._recent else 0.0
        if self._last is not None:
            self._values[self._last] += self.settings.learning_rate * (
                surplus - self._values[self._last]
            )
        self._recent = [*self._recent, total][-self.settings.n_recent :]
        self._last = self._choose(episode, is_random=is_random) if surplus < 0 else None
        return None if self._last is None else self.settings.pairs[self._last]

    def requested(self, number: int) -> None:
        """Note the number of the stimulus that trains the chosen pair."""
        self._request = number

    def lose(self, number: int) -> None:
        """Note that a stimulus was not given: what was to train a pair teaches nothing."""
        if number == self._request:
            self._last = None

    def _choose(self, episode: int, *, is_random: bool) -> int:
        # Drawn from the episode's number, so that the snapshot needs no generator.
        rng = np.random.default_rng([self._seed, episode, 2])
        if is_random or rng.random() < self.settings.exploration:
            return int(rng.integers(len(self._values)))
        return int(rng.choice(np.flatnonzero(self._values == self._values.max())))
