"""Conditions: what is compared with what, in blocks whose order is left to chance.

stimulation  the culture is stimulated, and its readout answers
sham         nothing is stimulated, everything else stays
silenced     the same stimulation, artefact and noise, but no cell fires, as under TTX; of a
             simulated culture only
any other    is stimulated like the first, and answered by the stream that the game names for it
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

CALIBRATION = "calibration"
STIMULATION = "stimulation"
SHAM = "sham"
SILENCED = "silenced"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Block(_Table):
    """Trials of one condition, one after the other; times count from sample 0."""

    condition: str = Field(min_length=1)
    start_s: NonNegativeFloat
    stop_s: PositiveFloat  # nothing of it comes later
    n_trials: PositiveInt


class Calibration(_Table):
    """`[calibration]`: labelled trials, from which the readout is trained before all conditions."""

    n_blocks: int = Field(5, ge=2)  # cross-validation leaves out one after the other
    n_trials: PositiveInt = 30  # in each block
    rest_s: NonNegativeFloat = 3.0  # before each block

    @property
    def total(self) -> int:
        """All trials."""
        return self.n_blocks * self.n_trials


class Conditions(_Table):
    """`[conditions]`: each is tried in so many blocks, in random order within each round."""

    names: tuple[str, ...] = Field(min_length=1)
    n_blocks: PositiveInt = 5  # of each condition
    n_trials: PositiveInt = 30  # in each block
    rest_s: NonNegativeFloat = 3.0  # before each block

    @property
    def total(self) -> int:
        """All trials."""
        return len(self.names) * self.n_blocks * self.n_trials


def calibration_blocks(table: Calibration, trial_s: float) -> tuple[Block, ...]:
    """The blocks of a calibration whose trials take `trial_s` each."""
    return _row([CALIBRATION] * table.n_blocks, table.n_trials, trial_s, table.rest_s)


def condition_blocks(table: Conditions, trial_s: float, seed: int) -> tuple[Block, ...]:
    """Every condition once in each round; the order within a round follows from the seed."""
    rng = np.random.default_rng([seed, len(table.names)])
    order = [str(n) for _ in range(table.n_blocks) for n in rng.permutation(table.names)]
    return _row(order, table.n_trials, trial_s, table.rest_s)


def windows_s(blocks: Sequence[Block], condition: str) -> list[tuple[float, float]]:
    """When a condition holds, in seconds from sample 0."""
    return [(block.start_s, block.stop_s) for block in blocks if block.condition == condition]


def _row(names: Sequence[str], n_trials: int, trial_s: float, rest_s: float) -> tuple[Block, ...]:
    trials_s = n_trials * trial_s
    begins_s = [rest_s + i * (rest_s + trials_s) for i in range(len(names))]
    return tuple(
        Block(condition=name, start_s=at_s, stop_s=at_s + trials_s, n_trials=n_trials)
        for name, at_s in zip(names, begins_s, strict=True)
    )
