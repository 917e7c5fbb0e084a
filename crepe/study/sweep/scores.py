"""Means over cultures, with intervals: the culture is the unit."""

# Decision 106: why, and what holds for a winner. Coverage: benchmarks/coverage/sweep.py.

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from crepe.analysis.pairs import compare_pairs
from crepe.analysis.shares import Interval

_LEVEL = 0.975  # of a two-sided interval of 95 %


@dataclass(frozen=True)
class Estimate:
    """A mean over cultures."""

    n: int  #: Number of cultures.
    mean: float  #: Mean over cultures; nan without any.
    #: Student's interval of 95 % of the mean, cultures as the unit; nan for fewer than two.
    ci95: Interval
    median: float  #: Median over cultures.
    lowest: float  #: Of a single culture.
    highest: float  #: Of a single culture.


@dataclass(frozen=True)
class Difference:
    """A mean difference of two values of the same cultures."""

    n: int  #: Number of cultures with both.
    mean: float  #: Mean difference over cultures; nan without any.
    ci95: Interval  #: Student's interval of 95 % of the mean, cultures as the unit.
    p_value: float  #: Both exchanged within cultures, two-sided, not corrected.


def mean(values: Sequence[float]) -> float:
    """Return the mean; nan without a value."""
    return float(np.mean(values)) if len(values) else np.nan


def estimate(values: Sequence[float]) -> Estimate:
    """Return mean, interval and range of the values of cultures."""
    if not len(values):
        return Estimate(0, np.nan, (np.nan, np.nan), np.nan, np.nan, np.nan)
    return Estimate(
        len(values),
        mean(values),
        interval(values),
        float(np.median(values)),
        float(min(values)),
        float(max(values)),
    )


def interval(values: Sequence[float]) -> Interval:
    """Return Student's interval of 95 % of the mean; nan for fewer than two values."""
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    reach = float(t.ppf(_LEVEL, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return mean(values) - reach, mean(values) + reach


def difference(
    values: Sequence[float | None], others: Sequence[float | None], seed: int
) -> Difference:
    """Return how two values of each culture differ.

    Parameters
    ----------
    values, others
        Of the same cultures in the same order; a culture without one of both is left out.
    seed
        Of the permutations.
    """
    both = zip(values, others, strict=True)
    pairs = [(a, b) for a, b in both if a is not None and b is not None]
    differences = [a - b for a, b in pairs]
    return Difference(
        len(pairs), mean(differences), interval(differences), compare_pairs(pairs, seed).p_value
    )
