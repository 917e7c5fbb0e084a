"""Intervals of an accuracy whose blocks differ, and the permutation test of gestures."""

from collections.abc import Iterator

import numpy as np

from crepe.messages import GameState
from crepe.results import trials
from crepe.results.trials import accuracy

N_BLOCKS, N_TRIALS, N = 5, 30, 600
GESTURES = ("rock", "paper", "scissors")


def states(rng: np.random.Generator, right: float, spread: float) -> list[GameState]:
    """Return trials decoded rightly with a chance that varies by the SD `spread` between blocks."""
    result = []
    for block in range(1, N_BLOCKS + 1):
        chance = np.clip(rng.normal(right, spread), 0, 1)
        for gesture in rng.permutation(np.resize(GESTURES, N_TRIALS)):
            others = [name for name in GESTURES if name != gesture]
            decoded = gesture if rng.random() < chance else others[rng.integers(2)]
            result.append(GameState(0, 1, 1, "outcome", gesture, decoded=decoded, block=block))
    return result


def table() -> Iterator[str]:
    """Yield coverage of both intervals, and how often p is 0.05 at most."""
    trials.N_PERMUTATIONS = 299
    yield "| accuracy | SD between blocks | Wilson holds it | over blocks holds it | p <= 0.05 |"
    yield "|---" * 5 + "|"
    for right, spread in (
        *((1 / 3, 0.0), (0.4, 0.0), (0.45, 0.0), (0.6, 0.0)),
        *((0.6, 0.05), (0.6, 0.1), (0.6, 0.15)),
    ):
        rng = np.random.default_rng([round(100 * right), round(100 * spread)])
        results = [accuracy(states(rng, right, spread), k, None) for k in range(N)]
        holds = [
            np.mean([low <= right <= high for low, high in (getattr(r, name) for r in results)])
            for name in ("ci95", "ci95_blocks")
        ]
        positive = np.mean([r.p_value <= 0.05 for r in results])
        yield f"| {right:.2f} | {spread:.2f} | {holds[0]:.2f} | {holds[1]:.2f} | {positive:.3f} |"
