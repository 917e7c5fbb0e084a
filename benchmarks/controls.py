"""Ten cultures, none of which the defaults were chosen with: does the answer come from the cells?

Run on its own (`python -m benchmarks.controls`). What each culture gave stands in
docs/controls-by-culture.json as soon as it is there; seeds that are there already are not run
again. The culture is the unit: its accuracy is one number of a condition, and the interval of their
mean is Student's t. Beside it stand all trials together with Wilson's interval, as if they were
independent.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binomtest, t

from crepe.conditions import STIMULATION
from crepe.environment import paths

SEEDS = tuple(range(3001, 3011))
KEPT = paths.project_directory() / "docs" / "controls-by-culture.json"


def one(seed: int) -> dict[str, Any]:
    """The shipped experiment on one culture, in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, "-m", "crepe", "experiment", "--seed", str(seed), "--json"],
            env={**os.environ, "CREPE_VAR": directory},
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout)
    for name in ("session", "readout"):
        del found["calibration"][name]  # they went with the directory
    del found["session"]
    return found


def run() -> list[dict[str, Any]]:
    """What each culture gave, kept as soon as it is there."""
    found = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else []
    for seed in SEEDS:
        if seed not in [each["seed"] for each in found]:
            found.append(one(seed))
            KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def table(found: list[dict[str, Any]]) -> Iterator[str]:
    """By condition in Markdown."""
    calibrated = [each["calibration"]["accuracy"] for each in found]
    middle, least = np.median(calibrated), min(calibrated)
    yield f"Cross-validated in calibration: median {middle:.3f}, lowest {least:.3f}"
    yield ""
    columns = ("condition", "median", "lowest to highest", "mean, 95 % interval over cultures")
    yield f"| {' | '.join((*columns, 'all trials, 95 % interval'))} |"
    yield "|---" * (len(columns) + 1) + "|"
    for name in sorted(found[0]["conditions"], key=lambda name: (name != STIMULATION, name)):
        each = [culture["conditions"][name] for culture in found]
        accuracy = np.array([condition["accuracy"] for condition in each])
        reach = t.ppf(0.975, len(found) - 1) * accuracy.std(ddof=1) / np.sqrt(len(found))
        n = sum(condition["n_trials"] for condition in each)
        right = sum(round(c["accuracy"] * c["n_trials"]) for c in each)
        low, high = binomtest(right, n).proportion_ci(method="wilson")
        yield (
            f"| `{name}` | {np.median(accuracy):.3f} | {accuracy.min():.3f} to {accuracy.max():.3f}"
            f" | {accuracy.mean():.3f} +- {reach:.3f}"
            f" | {right} of {n}: {right / n:.3f}, {low:.3f} to {high:.3f} |"
        )


if __name__ == "__main__":
    print("\n".join(table(run())))
