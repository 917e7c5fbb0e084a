"""Results of `crepe experiment --json` on several cultures, as one table for the page of a paper.

`python -m benchmarks.papers RESULT.json ...`, one file for each culture. The culture is the unit:
its figure under a condition is one number; intervals are Student's t over cultures, and p is of the
first condition and each other one exchanged within cultures. The cultures of the pages have the
seeds 5001, 5002 and 5003, fixed before any was run.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from crepe.conditions import ADAPTIVE, NONE, STIMULATION
from crepe.games.pong.statistics import compare_pairs

FIGURES = ("mean_return", "hits", "accuracy")
"""By game, the figure of a condition: cart-pole, Pong, patterns."""


def figure(score: dict[str, Any]) -> float:
    """Return the figure of one condition of one culture."""
    value = next(score[name] for name in FIGURES if name in score)
    return float(value["value"] if isinstance(value, dict) else value)


def table(results: list[dict[str, Any]]) -> list[str]:
    """Return Markdown rows by condition: mean over cultures, interval, and the first against it."""
    conditions = [result["conditions"] for result in results]
    first = ADAPTIVE if ADAPTIVE in conditions[0] else STIMULATION
    rows = [
        "| condition | mean over cultures | 95 % interval | each culture | first minus it | p |",
        "|---|---|---|---|---|---|",
    ]
    closed = np.array([figure(each[first]) for each in conditions])
    for name in sorted(conditions[0], key=lambda name: (name != first, name)):
        values = np.array([figure(each[name]) for each in conditions])
        reach = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        against = compare_pairs(list(zip(closed.tolist(), values.tolist(), strict=True)))
        comparison = f"{against.difference:+.3f} | {against.p_value:.3f}"
        rows.append(
            f"| `{name}` | {values.mean():.3f} | {values.mean() - reach:.3f} to "
            f"{values.mean() + reach:.3f} | {', '.join(f'{v:.3f}' for v in values)} | "
            f"{'- | -' if name == first else comparison} |"
        )
    return rows


def good_blocks(results: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Return, by condition, the number of good blocks and of all.

    A block is good if its return is higher than that of every block of `none` in the same culture.
    """
    counts: dict[str, tuple[int, int]] = {}
    for conditions in (result["conditions"] for result in results):
        bar = max(block["mean_return"] for block in conditions[NONE]["blocks"])
        for name, score in conditions.items():
            returns = [block["mean_return"] for block in score["blocks"]]
            n_good, n = counts.get(name, (0, 0))
            counts[name] = (n_good + sum(r > bar for r in returns), n + len(returns))
    return counts


if __name__ == "__main__":
    read = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    print("\n".join(table(read)))
    if NONE in read[0]["conditions"]:
        print("good blocks:", good_blocks(read))
