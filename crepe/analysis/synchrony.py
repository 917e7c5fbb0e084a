"""Synchrony of two channels, and of all pairs: the spike time tiling coefficient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.rates import Times

STTC_S = 0.05
"""Width on both sides of a spike. Chosen; Cutts & Eglen (2014, J Neurosci 34:14288), of retina."""


def sttc(first_s: Times, second_s: Times, duration_s: float, dt_s: float = STTC_S) -> float:
    """Return the spike time tiling coefficient (Cutts & Eglen 2014) of two trains.

    It is -1 to 1, 0 for independent trains, and nan if one of them has no spike.
    """
    if not len(first_s) or not len(second_s):
        return np.nan
    tiled = [_tiled(times_s, duration_s, dt_s) for times_s in (first_s, second_s)]
    near = [_part_near(a, b, dt_s) for a, b in ((first_s, second_s), (second_s, first_s))]
    # each train's part near the other, beyond that of chance; at p = t = 1 the limit is 1
    parts = [
        1.0 if p * t == 1 else (p - t) / (1 - p * t)
        for p, t in ((near[0], tiled[1]), (near[1], tiled[0]))
    ]
    return float(np.mean(parts))


def _tiled(times_s: Times, duration_s: float, dt_s: float) -> float:
    """Return the part of the time within dt of a spike."""
    begin_s = np.maximum(times_s - dt_s, 0.0)
    end_s = np.minimum(times_s + dt_s, duration_s)
    # Windows are sorted and of one width, so the overlaps of neighbours are enough.
    overlap_s = np.maximum(end_s[:-1] - begin_s[1:], 0.0)
    return float((end_s - begin_s).sum() - overlap_s.sum()) / duration_s


def _part_near(times_s: Times, others_s: Times, dt_s: float) -> float:
    """Return the part of the spikes within dt of one of the others."""
    place = np.searchsorted(others_s, times_s)
    before = np.abs(times_s - others_s[np.maximum(place - 1, 0)])
    after = np.abs(others_s[np.minimum(place, len(others_s) - 1)] - times_s)
    return float(np.mean(np.minimum(before, after) <= dt_s))


def connectivity(
    trains: Sequence[Times],
    duration_s: float,
    rng: np.random.Generator,
    *,
    dt_s: float = STTC_S,
    n_surrogates: int = 100,
    family_error: float = 0.05,
) -> NDArray[np.float64]:
    """Return the functional connectivity: each pair's STTC where chance does not explain it.

    A surrogate shifts one train by a random time, wrapping around, which keeps its bursts and
    destroys its relation to the other. Each pair's value is standardised by its surrogates; what is
    not above the 1 - `family_error` quantile of the surrogates' maximum over all pairs becomes 0,
    so that among unrelated trains any link at all is that rare (Westfall & Young 1993).

    Returns
    -------
    (n_channels, n_channels), symmetric, diagonal 0; nan where a train is empty.
    """
    n = len(trains)
    matrix = np.zeros((n, n))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    empty = {k for k, times_s in enumerate(trains) if not len(times_s)}
    for i, j in pairs:
        if {i, j} & empty:
            matrix[i, j] = matrix[j, i] = np.nan
    pairs = [pair for pair in pairs if not {*pair} & empty]
    if not pairs:
        return matrix
    rows = []  # (n_pairs, 1 + n_surrogates): the pair's own value first
    for i, j in pairs:
        # A shift of less than dt, either way round, would leave the trains in relation.
        shifts_s = rng.uniform(dt_s, duration_s - dt_s, n_surrogates)
        shifted = [np.sort((trains[j] + shift_s) % duration_s) for shift_s in shifts_s]
        rows.append([sttc(trains[i], each, duration_s, dt_s) for each in (trains[j], *shifted)])
    values = np.array(rows)
    # The own value is part of mean and SD: under the null it is one of the surrogates.
    spread = values.std(axis=1, keepdims=True)
    scores = (values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    limit = np.quantile(scores[:, 1:].max(axis=0), 1 - family_error, method="higher")
    for (i, j), value, score in zip(pairs, values[:, 0], scores[:, 0], strict=True):
        matrix[i, j] = matrix[j, i] = value if value > 0 and score > limit else 0.0
    return matrix
