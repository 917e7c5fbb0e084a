"""What a session of Pong comes to: rallies by condition, and the closed loop against the others.

Pure functions of the game's states. No difference is a result like any other. Rallies are taken
as independent, which neighbours in one block need not be; p values are two-sided and not corrected
for the number of controls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crepe.actors.pong import LONG_RALLY
from crepe.conditions import OPEN_LOOP, STIMULATION
from crepe.messages import GameState

N_RESAMPLES = 9999

Lengths = NDArray[np.int64]  # (n_rallies,), hits before the miss


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

    difference: float  # of the mean lengths, closed loop minus control
    p_permutation: float  # that labels given by chance differ as much
    p_mann_whitney: float


def lengths(states: Sequence[GameState]) -> dict[str, Lengths]:
    """Lengths of the finished rallies by condition, conditions in order of their name."""
    ends = [s for s in states if s.phase == "outcome"]
    names = sorted({s.condition for s in ends})
    return {
        name: np.array(
            [s.score["rally"] for s in ends if s.condition == name and s.outcome == "miss"],
            np.int64,
        )
        for name in names
    }


def describe(found: Lengths, seed: int = 0) -> Rallies:
    """The rallies of one condition."""
    return Rallies(
        len(found),
        _estimate(found, seed),
        _estimate(found == 0, seed),
        _estimate(found > LONG_RALLY, seed),
    )


def compare(found: Lengths, control: Lengths, seed: int = 0) -> Comparison:
    """Whether rallies are longer or shorter than in a control; nan where one of them has none."""
    if not len(found) or not len(control):
        return Comparison(np.nan, np.nan, np.nan)
    both = found.astype(float), control.astype(float)
    permuted = stats.permutation_test(
        both,
        _difference,
        vectorized=True,
        n_resamples=N_RESAMPLES,
        random_state=np.random.default_rng(seed),
    )
    ranked = stats.mannwhitneyu(found, control, method="asymptotic")
    is_equal = np.ptp(np.concatenate([found, control])) == 0  # no ranks: no p value, either
    return Comparison(
        float(_difference(*both)),
        float(permuted.pvalue),
        1.0 if is_equal else float(ranked.pvalue),
    )


def against_controls(by_condition: Mapping[str, Lengths], seed: int = 0) -> dict[str, Comparison]:
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


def _estimate(values: NDArray[np.int64] | NDArray[np.bool_], seed: int) -> Estimate:
    numbers = values.astype(float)
    if len(numbers) < 2:
        return Estimate(float(numbers.mean()) if len(numbers) else np.nan, (np.nan, np.nan))
    found = stats.bootstrap(
        (numbers,),
        np.mean,
        n_resamples=N_RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return Estimate(float(numbers.mean()), (float(low), float(high)))


def _difference(
    found: NDArray[np.float64], control: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    difference: NDArray[np.float64]
    difference = np.mean(found, axis=axis) - np.mean(control, axis=axis)
    return difference
