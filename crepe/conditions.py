"""Conditions of an experiment, compared in blocks of random order.

stimulation  the culture is stimulated, and its readout answers
sham, rest   nothing is stimulated, everything else stays
silenced     the same stimulation, artefact and noise, but no cell fires, as under TTX; of a
             simulated culture only
blocked      as the first, with excitatory synapses off, as under NBQX and APV; a simulated culture
             follows the blocks, to a living one the experimenter applies the drugs
any other    stimulated like the first, and answered by the stream that the game names for it

Games with feedback (`crepe.games.pong.game`) have these as well:

silent       the ball's position is stimulated, but not the outcome; the time of the feedback
             passes without pulses
no_feedback  the same, and the next ball comes at once
open_loop    stimulated as in an earlier block of `stimulation`, whatever the culture does. It shows
             what the loop adds to the stimulation; it is no control for decoding, since what is
             stimulated still reaches the readout

A game with a coach (`crepe.games.gymnasium.coached_game`) has these as well:

adaptive     after a bad episode comes a training stimulus that the coach has learned to choose
random       the same, chosen by chance
none         the time of the training stimulus passes without pulses
"""

# Decision 23: how controls are arranged.

from collections.abc import Sequence

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

CALIBRATION = "calibration"
STIMULATION = "stimulation"
SHAM = "sham"
REST = "rest"
SILENCED = "silenced"
BLOCKED = "blocked"
SILENT = "silent"
NO_FEEDBACK = "no_feedback"
OPEN_LOOP = "open_loop"
ADAPTIVE = "adaptive"
RANDOM = "random"
NONE = "none"

UNSTIMULATED = frozenset({SHAM, REST})
"""Conditions in which no pulse is requested."""

UNTESTED = frozenset({OPEN_LOOP})
"""Conditions that the closed loop is not tested against: a replay's figures follow from its own."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Block(_Table):
    """Trials of one condition, one after the other; times count from sample 0."""

    condition: str = Field(min_length=1)
    """Name of the condition of all its trials."""
    start_s: NonNegativeFloat
    """Beginning of the block, in seconds from sample 0."""
    stop_s: PositiveFloat
    """End of the block, in seconds from sample 0; no trial of the block ends later."""
    n_trials: NonNegativeInt = 0
    """Number of trials; 0: as many as fit."""


class Calibration(_Table):
    """`[calibration]`: labelled trials, from which the readout is trained before all conditions."""

    n_blocks: int = Field(5, ge=2)
    """Number of blocks; cross-validation leaves out one after the other."""
    n_trials: PositiveInt = 30
    """Number of trials in each block."""
    rest_s: NonNegativeFloat = 3.0
    """Rest before each block."""

    @property
    def total(self) -> int:
        """Number of all trials."""
        return self.n_blocks * self.n_trials


class Conditions(_Table):
    """`[conditions]`: conditions to compare, in blocks of random order within each round."""

    names: tuple[str, ...] = Field(min_length=1)
    """Names of the conditions to compare."""
    n_blocks: PositiveInt = 5
    """Number of blocks of each condition."""
    n_trials: PositiveInt = 30
    """Number of trials in each block."""
    block_s: PositiveFloat | None = None
    """Duration of a block, for games whose trials have no fixed length; instead of `n_trials`."""
    rest_s: NonNegativeFloat = 3.0
    """Rest before each block."""

    @property
    def total(self) -> int:
        """Number of all trials; 0 where it is not known in advance."""
        return 0 if self.block_s else len(self.names) * self.n_blocks * self.n_trials


def calibration_blocks(table: Calibration, trial_s: float) -> tuple[Block, ...]:
    """Return the blocks of a calibration whose trials take `trial_s` each."""
    trials_s = table.n_trials * trial_s
    return _row([CALIBRATION] * table.n_blocks, trials_s, table.n_trials, table.rest_s)


def condition_blocks(table: Conditions, trial_s: float, seed: int) -> tuple[Block, ...]:
    """Return the blocks of all conditions, each once in every round, in an order from the seed.

    In the first round a replay is moved to the end, so that there is a block to replay.
    """
    import numpy as np  # every program reads the tables above, not all need numpy

    rng = np.random.default_rng([seed, len(table.names)])
    rounds = [[str(n) for n in rng.permutation(table.names)] for _ in range(table.n_blocks)]
    rounds[0].sort(key=lambda name: name == OPEN_LOOP)  # stable: only the replay moves
    order = [name for names in rounds for name in names]
    if table.block_s:
        return _row(order, table.block_s, 0, table.rest_s)
    return _row(order, table.n_trials * trial_s, table.n_trials, table.rest_s)


def windows_s(blocks: Sequence[Block], condition: str) -> list[tuple[float, float]]:
    """Return when a condition holds: (start, stop) in seconds from sample 0."""
    return [(block.start_s, block.stop_s) for block in blocks if block.condition == condition]


def _row(names: Sequence[str], block_s: float, n_trials: int, rest_s: float) -> tuple[Block, ...]:
    begins_s = [rest_s + i * (rest_s + block_s) for i in range(len(names))]
    return tuple(
        Block(condition=name, start_s=at_s, stop_s=at_s + block_s, n_trials=n_trials)
        for name, at_s in zip(names, begins_s, strict=True)
    )
