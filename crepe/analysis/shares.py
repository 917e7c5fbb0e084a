"""Shares of trials, and how far they are known: exact intervals, blocks as the unit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

Interval = tuple[float, float]
Counts = Sequence[int] | NDArray[np.int64]

_LEVEL = 0.975  # of a two-sided interval of 95 %


def share_interval(n_right: Counts, n: Counts) -> Interval:
    """Return the 95 % interval of a share whose trials resemble each other within blocks.

    Clopper and Pearson's exact interval, of as many independent trials as these are worth (Korn &
    Graubard 1998, Survey Methodology 24:193), at most as many as there are. The more the blocks
    differ, and the fewer blocks show by how much, the fewer they are. For a single block, and
    where all or no trials are right, it is the plain exact interval; without a trial (nan, nan).

    Parameters
    ----------
    n_right, n
        Numbers in each block, (n_blocks,).
    """
    right, of = np.asarray(n_right, float), np.asarray(n, float)
    right, of = right[of > 0], of[of > 0]
    total = of.sum()
    if not total:
        return np.nan, np.nan
    share = right.sum() / total
    n_blocks = len(of)
    between = n_blocks / max(1, n_blocks - 1) * (((right - share * of) / total) ** 2).sum()
    return effective_interval(share, total, share * (1 - share) / total, between, n_blocks)


def effective_interval(
    share: float, n: float, variance: float, between: float, n_blocks: int
) -> Interval:
    """Return the exact 95 % interval of a share that is worth fewer trials than it has.

    Parameters
    ----------
    share
        The estimate.
    n
        Number of its trials.
    variance
        Of the estimate with independent trials; 0 where the share is 0 or 1.
    between
        The same, from the differences between blocks.
    n_blocks
        Number of blocks; with a single one trials are taken as independent.
    """
    worth = n
    if n_blocks > 1 and variance > 0:
        few = (t.ppf(_LEVEL, n_blocks - 1) / norm.ppf(_LEVEL)) ** 2
        worth = n / max(1.0, few * between / variance)
    right = share * worth
    low = beta.ppf(1 - _LEVEL, right, worth - right + 1) if share > 0 else 0.0
    high = beta.ppf(_LEVEL, right + 1, worth - right) if share < 1 else 1.0
    return float(low), float(high)
