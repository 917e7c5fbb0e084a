"""Statistics of a session of Pong: rallies by condition, and the closed loop against the others.

Pure functions of the game's states. No difference is a result like any other. Rallies of one block
resemble each other, so the unit is the block: for the intervals of a condition, and for a
comparison, which permutes the labels of whole blocks within each round. p values are two-sided and
not corrected for the number of controls.

The end of a block cuts a rally, the more often the longer rallies are. Its hits count, and what
comes after them is unknown: nothing here is a mean of the rallies that were finished.
"""

# Decisions 28 and 86: why blocks, and why hits per ball.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.pairs import PairedDifference, compare_pairs
from crepe.analysis.shares import Interval, effective_interval, share_interval
from crepe.conditions import STIMULATION, UNTESTED
from crepe.games.pong.match import LONG_RALLY
from crepe.messages import GameState

_UNKNOWN = (np.nan, np.nan)


@dataclass(frozen=True)
class Block:
    """The rallies of one block."""

    lengths: NDArray[np.int64]  # (n_rallies,), hits before the miss, or before the block's end
    is_finished: NDArray[np.bool_]  # (n_rallies,): ended by a miss, not by the block's end

    @property
    def n_hits(self) -> int:
        """Number of balls that were met."""
        return int(self.lengths.sum())

    @property
    def n_balls(self) -> int:
        """Number of balls that reached the paddle's wall."""
        return self.n_hits + int(self.is_finished.sum())

    @property
    def hits(self) -> float:
        """Share of the balls that were met; nan without a ball."""
        return self.n_hits / self.n_balls if self.n_balls else np.nan


Blocks = Sequence[Block]  # in order of time: the k-th of each condition is of round k


@dataclass(frozen=True)
class Estimate:
    """An estimate and its 95 % interval; nan where nothing was observed."""

    value: float
    ci95: Interval


@dataclass(frozen=True)
class Rallies:
    """The rallies of one condition."""

    n: int  # finished
    n_cut: int  # by the end of a block
    hits: Estimate  # share of the balls that were met
    length: Estimate  # hits for each miss: the mean length, if every ball is as likely to be met
    aces: Estimate  # share of rallies whose first ball was missed
    long: Estimate  # share of rallies of more than LONG_RALLY hits (Kaplan & Meier 1958)


def rallies(states: Sequence[GameState]) -> dict[str, list[Block]]:
    """Return the rallies by condition and block, conditions in order of their names.

    In a session without blocks every rally counts as one.
    """
    ends = [s for s in states if s.phase == "outcome"]
    by_condition: dict[str, list[Block]] = {
        name: [] for name in sorted({s.condition for s in ends})
    }
    for _, same in groupby(ends, key=lambda s: (s.block, s.block or s.trial)):
        block = list(same)
        by_condition[block[0].condition].append(block_of(block))
    return by_condition


def block_of(ends: Sequence[GameState]) -> Block:
    """Return the rallies that ended with these states."""
    return Block(
        np.array([state.score["rally"] for state in ends], np.int64),
        np.array([state.outcome == "miss" for state in ends], np.bool_),
    )


def describe(blocks: Blocks) -> Rallies:
    """Return the estimates of one condition."""
    hits, balls = [b.n_hits for b in blocks], [b.n_balls for b in blocks]
    first = [_judged(b, 0) for b in blocks]
    aces = [_missed(b, 0) for b in blocks]
    met = Estimate(_share(hits, balls), share_interval(hits, balls))
    return Rallies(
        sum(int(b.is_finished.sum()) for b in blocks),
        sum(int((~b.is_finished).sum()) for b in blocks),
        met,
        Estimate(_odds(met.value), (_odds(met.ci95[0]), _odds(met.ci95[1]))),
        Estimate(_share(aces, first), share_interval(aces, first)),
        _long(blocks),
    )


def _share(part: Sequence[int], of: Sequence[int]) -> float:
    return sum(part) / sum(of) if sum(of) else np.nan


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else (np.inf if share == 1 else np.nan)


def _judged(block: Block, ball: int) -> int:
    """Return the number of rallies whose ball of this index reached the wall."""
    return int((block.lengths + block.is_finished > ball).sum())


def _missed(block: Block, ball: int) -> int:
    return int(((block.lengths == ball) & block.is_finished).sum())


def _long(blocks: Blocks) -> Estimate:
    """Return the share of long rallies, of which some were cut before they were long.

    Method: Kaplan & Meier 1958. The interval is exact, of the effective number of rallies by
    Greenwood's variance (Dorey & Korn 1987, Stat Med 6:679), or that between blocks (jackknife).
    """
    balls = range(LONG_RALLY + 1)
    # (n_blocks, n_balls): rallies at risk of a miss at each ball, and missed
    risk = np.array([[_judged(b, ball) for ball in balls] for b in blocks], float)
    missed = np.array([[_missed(b, ball) for ball in balls] for b in blocks], float)
    is_played = risk[:, 0] > 0 if len(risk) else np.zeros(0, np.bool_)
    risk, missed = risk[is_played], missed[is_played]
    value = _survival(risk.sum(0), missed.sum(0)) if len(risk) else np.nan
    if np.isnan(value):
        return Estimate(np.nan, _UNKNOWN)
    if value in (0, 1):  # all missed, or none of those that came so far
        n = missed.sum() if value == 0 else risk.sum(0)[-1]
        return Estimate(value, effective_interval(value, n, 0.0, 0.0, len(risk)))
    at_risk, lost = risk.sum(0), missed.sum(0)
    variance = value**2 * (lost / (at_risk * (at_risk - lost))).sum()
    without = [_survival(at_risk - r, lost - m) for r, m in zip(risk, missed, strict=True)]
    of_others = np.array([each for each in without if not np.isnan(each)])
    between = (len(of_others) - 1) * of_others.var() if len(of_others) > 1 else 0.0
    n = value * (1 - value) / variance
    return Estimate(value, effective_interval(value, n, variance, between, len(risk)))


def _survival(at_risk: NDArray[np.float64], lost: NDArray[np.float64]) -> float:
    """Return the share that passes every ball; nan where no rally came so far without a miss."""
    part = 1.0
    for risk, miss in zip(at_risk, lost, strict=True):
        if part == 0:
            return 0.0
        part = part * (1 - miss / risk) if risk else np.nan
    return float(part)


def compare(closed: Blocks, control: Blocks, seed: int = 0) -> PairedDifference:
    """Return how the closed loop differs from a control; nan for fewer than two rounds.

    The difference is Mantel and Haenszel's: a round with few balls counts for little. Its weight
    is the same with its two labels exchanged, so the permutations keep it.
    """
    pairs = zip(closed, control, strict=False)  # a stopped session has half a round
    rounds = [(a, b) for a, b in pairs if a.n_balls and b.n_balls]
    weights = np.array([a.n_balls * b.n_balls / (a.n_balls + b.n_balls) for a, b in rounds])
    scaled = weights / weights.mean() if rounds else weights
    values = zip(rounds, scaled.tolist(), strict=True)
    return compare_pairs([(a.hits * w, b.hits * w) for (a, b), w in values], seed)


def against_controls(
    conditions: Mapping[str, Blocks], seed: int = 0
) -> dict[str, PairedDifference]:
    """Return the closed loop against every control; empty if it was not played.

    The open loop is left out: its rallies end where those that it replays did.
    """
    closed = conditions.get(STIMULATION)
    if closed is None:
        return {}
    return {
        name: compare(closed, control, seed)
        for name, control in conditions.items()
        if name != STIMULATION and name not in UNTESTED
    }
