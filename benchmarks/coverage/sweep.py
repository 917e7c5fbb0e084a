"""The winner of a sweep: how often its interval holds its true score, in sample and held out."""

from collections.abc import Iterator

import numpy as np

from crepe.study.sweep.scores import interval, mean

N_CULTURES, SD, N = 5, 0.1, 4000  # sweeps; SD of the scores of cultures at one point


def table() -> Iterator[str]:
    """Yield bias and coverage of the winner's mean: points alike, or one better than the others."""
    yield (
        "| points | one is better by | it wins | in sample, too high by | interval holds it "
        "| held out, too high by | interval holds it |"
    )
    yield "|---" * 7 + "|"
    for n_points in (1, 5, 20, 100):
        for better in (0.0, 0.1):
            if n_points == 1 and better:
                continue
            rng = np.random.default_rng([n_points, round(100 * better)])
            rows = np.array([_sweep(rng, n_points, better) for _ in range(N)])
            wins, ahead, holds, ahead_out, holds_out = rows.mean(axis=0)
            yield (
                f"| {n_points} | {better:g} | {wins:.2f} | {ahead:+.3f} | {holds:.2f} "
                f"| {ahead_out:+.3f} | {holds_out:.2f} |"
            )


def _sweep(rng: np.random.Generator, n_points: int, better: float) -> tuple[float, ...]:
    true = np.full(n_points, 0.5)
    true[0] += better
    scores = rng.normal(true[:, None], SD, (n_points, N_CULTURES))
    winner = int(np.argmax(scores.mean(axis=1)))
    held_out = rng.normal(true[winner], SD, N_CULTURES)
    row: list[float] = [winner == 0]
    for values in (scores[winner], held_out):
        low, high = interval(values)
        row += [mean(values) - true[winner], low <= true[winner] <= high]
    return tuple(row)
