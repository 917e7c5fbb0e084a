"""Several cultures play Pong under its conditions: are more balls met in the closed loop?

Run on its own (`python -m benchmarks.pong [N_CULTURES]`): a culture takes some five minutes of one
core. What each culture gave stands in docs/data/pong-hits-by-culture.json; seeds that are there
already are not played again. The culture is the unit: its share of balls met is one number of a
condition, and p is of closed loop and control exchanged within cultures.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from crepe.conditions import OPEN_LOOP, STIMULATION
from crepe.config.experiment import load_experiment, save_experiment
from crepe.environment import paths
from crepe.games.pong.statistics import compare_pairs

SEEDS = tuple(range(4001, 4011))
N_BLOCKS = 3
KEPT = paths.project_directory() / "docs" / "data" / "pong-hits-by-culture.json"


def measure_culture(seed: int) -> dict[str, Any]:
    """Run the shipped experiment with fewer rounds on one culture, in a separate process."""
    with tempfile.TemporaryDirectory() as directory:
        shipped = paths.project_directory() / "config" / "pong.toml"
        experiment = load_experiment(shipped, {"conditions.n_blocks": N_BLOCKS})
        path = save_experiment(experiment, Path(directory) / "pong.json").path
        done = subprocess.run(
            [sys.executable, "-m", "crepe", "experiment", str(path), "--seed", str(seed), "--json"],
            env={**os.environ, "CREPE_VAR": directory},
            capture_output=True,
            text=True,
            check=True,
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return {name: result[name] for name in ("seed", "is_simulated", "conditions", "versions")}


def run(n_cultures: int = len(SEEDS)) -> list[dict[str, Any]]:
    """Return the result of each culture; each is written to the file as soon as it is complete."""
    results = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else []
    for seed in SEEDS[:n_cultures]:
        if seed not in [each["seed"] for each in results]:
            results.append(measure_culture(seed))
            KEPT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return results


def table(results: list[dict[str, Any]]) -> list[str]:
    """Return Markdown rows by condition: means over cultures, 95 % interval (Student's t)."""
    head = ("condition", "rallies", "cut", "hits", "95 % interval", "aces", "long")
    columns = (*head, "closed loop minus it", "p")
    rows = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name in sorted(results[0]["conditions"], key=lambda name: (name != STIMULATION, name)):
        played = [each["conditions"][name] for each in results]
        hits, aces, long = (
            np.array([each[what]["value"] for each in played]) for what in ("hits", "aces", "long")
        )
        reach = t.ppf(0.975, len(results) - 1) * hits.std(ddof=1) / np.sqrt(len(results))
        closed = [each["conditions"][STIMULATION]["hits"]["value"] for each in results]
        against = compare_pairs(list(zip(closed, hits, strict=True)))
        comparison = f"{against.difference:+.3f} | {against.p_value:.3f}"
        n, n_cut = (sum(each[what] for each in played) for what in ("n", "n_cut"))
        rows.append(
            f"| `{name}` | {n} | {n_cut} | {hits.mean():.3f} | "
            f"{hits.mean() - reach:.3f} to {hits.mean() + reach:.3f} | {aces.mean():.2f} | "
            f"{long.mean():.3f} | {'- | -' if name in (STIMULATION, OPEN_LOOP) else comparison} |"
        )
    return rows


if __name__ == "__main__":
    print("\n".join(table(run(*map(int, sys.argv[1:])))))
