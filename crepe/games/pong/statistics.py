"""What a session of Pong comes to: rallies by condition, and the closed loop against the others.

Pure functions of the game's states. No difference is a result like any other. Rallies of one block
resemble each other, so blocks are what is resampled and permuted: a condition's blocks for its
interval, and for a comparison the labels of whole blocks within each round. p values are two-sided
and not corrected for the number of controls.
"""

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
    """A mean or a share, and its 95 % interval by bootstrap; not a number where it cannot be."""

    value: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class Rallies:
    """The finished rallies of one condition; one that its block's end cut off counts nowhere."""

    n: int
    length: Estimate  # mean
    aces: Estimate  # share of rallies whose first ball was missed
    long: Estimate  # share of rallies of more than LONG_RALLY hits


@dataclass(frozen=True)
class Comparison:
    """The closed loop against one control."""

    n_rounds: int  # in which both have a finished rally
    difference: float  # of the blocks' mean lengths, closed loop minus control, mean over rounds
    p_value: float  # that labels given by chance differ as much; at least 2 / 2^n_rounds


def lengths(states: Sequence[GameState]) -> dict[str, list[Lengths]]:
    """Lengths of the finished rallies by condition and block, conditions in order of their name.

    Where a session has no blocks every rally is one.
    """
    ends = [s for s in states if s.phase == "outcome"]
    found: dict[str, list[Lengths]] = {name: [] for name in sorted({s.condition for s in ends})}
    for _, same in groupby(ends, key=lambda s: (s.block, s.block or s.trial)):
        block = list(same)
        misses = [s.score["rally"] for s in block if s.outcome == "miss"]
        found[block[0].condition].append(np.array(misses, np.int64))
    return found


def describe(blocks: Blocks, seed: int = 0) -> Rallies:
    """The rallies of one condition."""
    played = [block for block in blocks if len(block)]
    return Rallies(
        sum(map(len, played)),
        _estimate(played, seed),
        _estimate([block == 0 for block in played], seed),
        _estimate([block > LONG_RALLY for block in played], seed),
    )


def compare(found: Blocks, control: Blocks, seed: int = 0) -> Comparison:
    """Whether rallies are longer or shorter than in a control; nan of fewer than two rounds."""
    rounds = [(a.mean(), b.mean()) for a, b in zip(found, control, strict=False) if len(a) * len(b)]
    return compare_pairs(rounds, seed)


def compare_pairs(means: Sequence[tuple[float, float]], seed: int = 0) -> Comparison:
    """The same of mean lengths in pairs: of a round, or of a culture."""
    if len(means) < 2:
        return Comparison(len(means), np.nan, np.nan)
    permuted = stats.permutation_test(
        tuple(np.array(means).T),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=N_RESAMPLES,
        random_state=np.random.default_rng(seed),
    )
    return Comparison(len(means), float(permuted.statistic), float(permuted.pvalue))


def against_controls(by_condition: Mapping[str, Blocks], seed: int = 0) -> dict[str, Comparison]:
    """The closed loop against every other condition; nothing if it was not played.

    Not against the open loop: there a rally cannot be longer than the one that is replayed.
    """
    closed = by_condition.get(STIMULATION)
    if closed is None:
        return {}
    return {
        name: compare(closed, control, seed)
        for name, control in by_condition.items()
        if name not in (STIMULATION, OPEN_LOOP)
    }


def _estimate(blocks: Sequence[NDArray[np.int64] | NDArray[np.bool_]], seed: int) -> Estimate:
    """Of all rallies, with the interval by bootstrap of blocks (percentiles)."""
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
