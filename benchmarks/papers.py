"""Results of `crepe experiment --json` as one table, for the page of a paper.

`python -m benchmarks.papers RESULT.json ...`, one file for each culture. The cultures of the pages
have the seeds 5001, 5002 and 5003, fixed before any was run.
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


def interval(values: list[float]) -> tuple[float, float]:
    """Return Student's 95 % interval of a mean."""
    reach = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values) - reach), float(np.mean(values) + reach)


def in_culture(result: dict[str, Any]) -> list[str]:
    """Return Markdown rows by condition of one culture, whose blocks are the unit.

    Intervals and p are those of `crepe experiment`; the interval of cart-pole is Student's over
    blocks. p is of the first condition against this one, for patterns of the answers by chance.
    """
    conditions, against = result["conditions"], result.get("closed_loop_against", {})
    rows = ["| condition | figure | 95 % interval | p |", "|---|---|---|---|"]
    for name in _names(conditions):
        score = conditions[name]
        if "hits" in score:
            low, high = score["hits"]["ci95"]
            p_value = against.get(name, {}).get("p_value")
        elif "accuracy" in score:
            (low, high), p_value = score["ci95_blocks"], score["p_value"]
        else:
            low, high = interval([block["mean_return"] for block in score["blocks"]])
            p_value = score["p_against"]
        p_text = "-" if p_value is None else f"{p_value:.3g}"
        rows.append(f"| `{name}` | {figure(score):.3g} | {low:.3g} to {high:.3g} | {p_text} |")
    return rows


def over_cultures(results: list[dict[str, Any]]) -> list[str]:
    """Return Markdown rows by condition over cultures, which are the unit.

    p is of the first condition and this one exchanged within cultures.
    """
    conditions = [result["conditions"] for result in results]
    head = ("condition", "mean", "95 % interval", "each culture", "first minus it", "p")
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    first, *_ = names = _names(conditions[0])
    closed = [figure(each[first]) for each in conditions]
    for name in names:
        values = [figure(each[name]) for each in conditions]
        low, high = interval(values)
        against = compare_pairs(list(zip(closed, values, strict=True)))
        comparison = f"{against.difference:+.3g} | {against.p_value:.3g}"
        rows.append(
            f"| `{name}` | {np.mean(values):.3g} | {low:.3g} to {high:.3g} | "
            f"{', '.join(f'{value:.3g}' for value in values)} | "
            f"{'- | -' if name == first else comparison} |"
        )
    return rows


def _names(conditions: dict[str, Any]) -> list[str]:
    return sorted(conditions, key=lambda name: (name not in (ADAPTIVE, STIMULATION), name))


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
    print("\n".join(over_cultures(read) if len(read) > 1 else in_culture(read[0])))
    if NONE in read[0]["conditions"]:
        print("good blocks:", good_blocks(read))
