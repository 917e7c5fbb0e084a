"""Pong's intervals and test, on rallies of a player whose chance to meet a ball is known."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crepe.games.pong.match import LONG_RALLY
from crepe.games.pong.statistics import Block, Blocks, compare, describe

BLOCK_S, FIRST_S, RETURN_S = 40.0, 1.71, 3.42  # of config/pong.toml: a block, flights of the ball
FEEDBACK_S = 8.0
N, N_TESTS = 1000, 1000


def play(rng: np.random.Generator, hit: float, after_s: float) -> Block:
    """Return the rallies of a block, the last one cut by its end."""
    at_s, lengths, is_finished = 0.0, [], []
    while at_s < BLOCK_S:
        n_most = max(0, int((BLOCK_S - at_s - FIRST_S) / RETURN_S) + 1)  # balls until the end
        if at_s + FIRST_S > BLOCK_S:
            n_most = 0
        n_hits = int(rng.geometric(1 - hit)) - 1 if hit < 1 else n_most
        lengths.append(min(n_hits, n_most))
        is_finished.append(n_hits < n_most)
        at_s += FIRST_S + RETURN_S * n_hits + after_s
    return Block(np.array(lengths, np.int64), np.array(is_finished, np.bool_))


def blocks(
    rng: np.random.Generator, n: int, hit: float, spread: float, after_s: float = FEEDBACK_S
) -> Blocks:
    """Return blocks whose chance to meet a ball varies by the SD `spread`."""
    chances = np.clip(rng.normal(hit, spread, n), 0.02, 0.98)
    return [play(rng, float(chance), after_s) for chance in chances]


def bootstrap(played: Blocks, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """Return the intervals of mean and long rallies by the former method, for comparison.

    Percentiles of resampled blocks, of finished rallies only.
    """
    done = [b.lengths[b.is_finished] for b in played if b.is_finished.any()]
    drawn = rng.integers(len(done), size=(999, len(done)))
    n = np.array([len(each) for each in done], float)[drawn].sum(1)
    sums = [np.array([f(each) for each in done], float)[drawn].sum(1) for f in (np.sum, _n_long)]
    return tuple(np.quantile(each / n, [0.025, 0.975]) for each in sums)


def _n_long(lengths: NDArray[np.int64]) -> int:
    return int((lengths > LONG_RALLY).sum())


def intervals() -> Iterator[str]:
    """Yield the coverage of each interval, and the mean of each estimate."""
    yield (
        "| rounds | balls met | SD between blocks | mean of hits | hits covered | length covered "
        "| aces covered | long covered | before: length | before: long | before: mean, true |"
    )
    yield "|---" * 11 + "|"
    for n_blocks in (3, 8):
        for hit, spread in (
            (1 / 3, 0.0),
            (0.5, 0.0),
            (0.75, 0.0),
            (0.9, 0.0),
            (0.5, 0.1),
            (0.5, 0.2),
        ):
            yield _row(n_blocks, hit, spread)


def _row(n_blocks: int, hit: float, spread: float) -> str:
    rng = np.random.default_rng([n_blocks, round(100 * hit), round(100 * spread)])
    truth = {"hits": hit, "length": hit / (1 - hit), "aces": 1 - hit, "long": hit**4}
    if spread:  # what many blocks of such a player give
        many = describe(blocks(rng, 20_000, hit, spread))
        truth = {name: getattr(many, name).value for name in truth}
    n_covered = dict.fromkeys((*truth, "old length", "old long"), 0)
    hits, old = [], []
    for _ in range(N):
        played = blocks(rng, n_blocks, hit, spread)
        rallies = describe(played)
        hits.append(rallies.hits.value)
        for name, value in truth.items():
            low, high = getattr(rallies, name).ci95
            # Nothing observed is no interval, which claims nothing.
            n_covered[name] += bool(np.isnan(low) or low - 1e-9 <= value <= high + 1e-9)
        finished = np.concatenate([b.lengths[b.is_finished] for b in played])
        if len(finished):
            old.append(finished.mean())
            for name, (low, high) in zip(("length", "long"), bootstrap(played, rng), strict=True):
                n_covered[f"old {name}"] += low <= truth[name] <= high
    shares = " | ".join(f"{n / N:.2f}" for n in n_covered.values())
    return (
        f"| {n_blocks} | {hit:.2f} | {spread:.1f} | {np.mean(hits):.3f} | {shares} "
        f"| {np.mean(old):.2f}, {truth['length']:.2f} |"
    )


def tests() -> Iterator[str]:
    """Yield how often closed loop and control differ at 0.05, with and without a difference."""
    yield (
        "| balls met in the closed loop | in the control | SD between blocks "
        "| p <= 0.05, control with feedback's time | control without it (`no_feedback`) |"
    )
    yield "|---" * 5 + "|"
    cases = (
        *((hit, hit, 0.0) for hit in (1 / 3, 0.5, 0.75, 0.9)),
        *((0.5, 0.5, 0.2), (0.5, 1 / 3, 0.0), (0.75, 0.5, 0.0), (0.9, 0.75, 0.0)),
    )
    for closed, control, spread in cases:
        shares = []
        for after_s in (FEEDBACK_S, 0.0):
            rng = np.random.default_rng([round(100 * closed), round(100 * control)])
            p = [
                compare(
                    blocks(rng, 8, closed, spread), blocks(rng, 8, control, spread, after_s), k
                ).p_value
                for k in range(N_TESTS)
            ]
            shares.append(f"{np.mean(np.array(p) <= 0.05):.3f}")
        yield f"| {closed:.2f} | {control:.2f} | {spread:.1f} | {' | '.join(shares)} |"
