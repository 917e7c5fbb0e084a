"""Synchrony of two channels, and of all pairs: the spike time tiling coefficient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.rates import Times

STTC_S = 0.05
"""Usual width for cultures (Cutts & Eglen 2014, J Neurosci 34:14288)."""


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
    quantile: float = 0.99,
) -> NDArray[np.float64]:
    """Return the functional connectivity: each pair's STTC where it exceeds that of surrogates.

    A surrogate shifts one train by a random time, wrapping around, which keeps its bursts and
    destroys its relation to the other; a value not above the surrogates' `quantile` becomes 0.

    Returns
    -------
    (n_channels, n_channels), symmetric, diagonal 0; nan where a train is empty.
    """
    n = len(trains)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            value = sttc(trains[i], trains[j], duration_s, dt_s)
            if value > 0:  # others need no surrogates
                # A shift of less than dt, either way round, would leave the trains in relation.
                shifts_s = rng.uniform(dt_s, duration_s - dt_s, n_surrogates)
                chance = [
                    sttc(trains[i], np.sort((trains[j] + s) % duration_s), duration_s, dt_s)
                    for s in shifts_s
                ]
                value = value if value > np.quantile(chance, quantile) else 0.0
            matrix[i, j] = matrix[j, i] = value if np.isnan(value) else max(0.0, value)
    return matrix
