"""Whether two values differ that come in pairs: of a round, of a culture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

N_RESAMPLES = 9999


@dataclass(frozen=True)
class PairedDifference:
    """The first values of pairs against the second ones."""

    n_pairs: int
    difference: float  # mean, first minus second
    p_value: float  # of a difference as large with permuted labels; at least 2 / 2^n_pairs


def compare_pairs(values: Sequence[tuple[float, float]], seed: int = 0) -> PairedDifference:
    """Return the mean difference within pairs; nan for fewer than two of them.

    The p value is two-sided, by permutation of the two labels within each pair.
    """
    if len(values) < 2:
        return PairedDifference(len(values), np.nan, np.nan)
    permuted = stats.permutation_test(
        tuple(np.array(values).T),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",  # labels change places within a pair only
        vectorized=True,
        n_resamples=N_RESAMPLES,
        random_state=np.random.default_rng(seed),
    )
    return PairedDifference(len(values), float(permuted.statistic), float(permuted.pvalue))
