"""Drift of a plastic culture: rates, strengths and network bursts over hours, without stimulation.

`python -m benchmarks.plasticity [MINUTES] [SEED ...]`: simulated time, some 0.15 CPU seconds for
each second of it. Cells alone: electrodes and noise change nothing here.
"""

import json
import sys
from collections.abc import Sequence

import numpy as np

from crepe.culture.network import Network
from crepe.culture.settings import CultureSettings

SIZE_UM = (1600.0, 1600.0)
SEEDS = (1, 2)
NO_CELL = np.empty(0, np.int64)


def drift(seed: int, n_minutes: int, *, stdp: bool = True) -> list[dict[str, float]]:
    """Return a row for each minute.

    Strengths are of excitatory synapses, in units of their mean at the start; `at_limits` is the
    part of them below 1 % or above 2.9 means; a network burst is a fifth of all cells in 50 ms.
    """
    settings = CultureSettings(stdp=stdp)
    rng, noise = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    network = Network(settings, SIZE_UM, rng, noise)
    is_excitatory = ~network.is_inhibitory
    begin = network.weights[is_excitatory] / settings.cells.excitation
    rows = []
    for minute in range(1, n_minutes + 1):
        per_ms = np.zeros(60_000)
        per_cell = np.zeros(network.n_cells)
        for ms in range(60_000):
            fired = network.step(NO_CELL)
            per_ms[ms] = len(fired)
            per_cell[fired] += 1
        now = network.weights[is_excitatory] / settings.cells.excitation
        is_burst = np.convolve(per_ms, np.ones(50), "same") > network.n_cells / 5
        rows.append(
            {
                "minute": minute,
                "rate_hz": per_ms.sum() / network.n_cells / 60,
                "silent_cells": float(np.mean(per_cell == 0)),
                "network_bursts": float(np.sum(is_burst[1:] & ~is_burst[:-1])),
                "mean_strength": float(now.mean()),
                "sd_strength": float(now.std()),
                "at_limits": float(np.mean((now < 0.01) | (now > 2.9))),
                "like_the_start": float(np.corrcoef(begin.ravel(), now.ravel())[0, 1]),
            }
        )
        print(seed, json.dumps(rows[-1]), flush=True)
    return rows


def run(seeds: Sequence[int] = SEEDS, n_minutes: int = 120) -> dict[str, list[dict[str, float]]]:
    """Return the drift of each culture."""
    return {str(seed): drift(seed, n_minutes) for seed in seeds}


if __name__ == "__main__":
    minutes, *seeds = [int(word) for word in sys.argv[1:]] or [120]
    run(seeds or SEEDS, minutes)
