"""Statistics of a session of Pong: rallies by condition, and the closed loop against the others.

Pure functions of the game's states. No difference is a result like any other. Rallies of one block
resemble each other, so the unit of resampling and of permutation is the block: a condition's blocks
for its interval, and for a comparison the labels of whole blocks within each round. p values
are two-sided and not corrected for the number of controls.
"""

# Decision 28: why blocks.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crepe.conditions import OPEN_LOOP, STIMULATION
from crepe.games.pong.match import LONG_RALLY
from crepe.messages import GameState

N_RESAMPLES = 9999

Lengths = NDArray[np.int64]  # (n_rallies,), hits before the miss
Blocks = Sequence[Lengths]  # in order of time: the k-th of each condition is of round k


@dataclass(frozen=True)
class Estimate:
    """A mean or a share, and its 95 % interval by bootstrap; nan where there are too few blocks."""

    value: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class Rallies:
    """The finished rallies of one condition, without those that the end of a block cut off."""

    n: int
    length: Estimate  # mean
    aces: Estimate  # share of rallies whose first ball was missed
    long: Estimate  # share of rallies of more than LONG_RALLY hits


@dataclass(frozen=True)
class Comparison:
    """The closed loop against one control."""

    n_rounds: int  # in which both have a finished rally
    difference: float  # of the blocks' mean lengths, closed loop minus control, mean over rounds
    p_value: float  # of a difference as large with permuted labels; at least 2 / 2^n_rounds


def lengths(states: Sequence[GameState]) -> dict[str, list[Lengths]]:
    """Return the lengths of the finished rallies by condition and block.

    Conditions are in order of their names. In a session without blocks every rally counts as one.
    """
    ends = [s for s in states if s.phase == "outcome"]
    by_condition: dict[str, list[Lengths]] = {
        name: [] for name in sorted({s.condition for s in ends})
    }
    for _, same in groupby(ends, key=lambda s: (s.block, s.block or s.trial)):
        block = list(same)
        misses = [s.score["rally"] for s in block if s.outcome == "miss"]
        by_condition[block[0].condition].append(np.array(misses, np.int64))
    return by_condition


def describe(blocks: Blocks, seed: int = 0) -> Rallies:
    """Return the mean length and the shares of one condition; `seed` is of the bootstrap."""
    played = [block for block in blocks if len(block)]
    return Rallies(
        sum(map(len, played)),
        _estimate(played, seed),
        _estimate([block == 0 for block in played], seed),
        _estimate([block > LONG_RALLY for block in played], seed),
    )


def compare(closed: Blocks, control: Blocks, seed: int = 0) -> Comparison:
    """Return how the closed loop differs from a control; nan for fewer than two rounds."""
    pairs = zip(closed, control, strict=False)  # a stopped session has half a round
    rounds = [(a.mean(), b.mean()) for a, b in pairs if len(a) * len(b)]
    return compare_pairs(rounds, seed)


def compare_pairs(means: Sequence[tuple[float, float]], seed: int = 0) -> Comparison:
    """Return the same for pairs of mean lengths: of a round, or of a culture."""
    if len(means) < 2:
        return Comparison(len(means), np.nan, np.nan)
    permuted = stats.permutation_test(
        tuple(np.array(means).T),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",  # labels change places within a round only
        vectorized=True,
        n_resamples=N_RESAMPLES,
        random_state=np.random.default_rng(seed),
    )
    return Comparison(len(means), float(permuted.statistic), float(permuted.pvalue))


def against_controls(conditions: Mapping[str, Blocks], seed: int = 0) -> dict[str, Comparison]:
    """Return the closed loop against every control; empty if it was not played.

    The open loop is left out: a rally in it cannot be longer than the replayed one.
    """
    closed = conditions.get(STIMULATION)
    if closed is None:
        return {}
    return {
        name: compare(closed, control, seed)
        for name, control in conditions.items()
        if name not in (STIMULATION, OPEN_LOOP)
    }


def _estimate(blocks: Sequence[NDArray[np.int64] | NDArray[np.bool_]], seed: int) -> Estimate:
    """Return the mean over all rallies, with the interval by bootstrap of blocks (percentiles)."""
    if not blocks:
        return Estimate(np.nan, (np.nan, np.nan))
    sums, counts = np.array([(block.sum(), len(block)) for block in blocks], float).T
    value = float(sums.sum() / counts.sum())
    n = len(blocks)
    if n < 2:
        return Estimate(value, (np.nan, np.nan))
    drawn = np.random.default_rng(seed).integers(n, size=(N_RESAMPLES, n))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return Estimate(value, (float(low), float(high)))
