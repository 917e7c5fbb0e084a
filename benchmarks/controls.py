"""Ten cultures, none of which the defaults were chosen with: does the answer come from the cells?

Run it separately (`python -m benchmarks.controls`). Each culture's result is added to
docs/data/controls-by-culture.json when it is complete; seeds that the file holds are not run again.
The
culture is the unit: its accuracy is one number of a condition, and the interval of their mean is
Student's t. Beside it stand all trials together with Wilson's interval, as if they were
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
KEPT = paths.project_directory() / "docs" / "data" / "controls-by-culture.json"


def measure_culture(seed: int) -> dict[str, Any]:
    """Run the shipped experiment on one culture, in a separate process."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, "-m", "crepe", "experiment", "--seed", str(seed), "--json"],
            env={**os.environ, "CREPE_VAR": directory},
            capture_output=True,
            text=True,
            check=True,
        )
    result: dict[str, Any] = json.loads(done.stdout)
    for name in ("session", "readout"):
        del result["calibration"][name]  # they went with the directory
    del result["session"]
    return result


def run() -> list[dict[str, Any]]:
    """Return the result of each culture; each is written to the file as soon as it is complete."""
    results = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else []
    for seed in SEEDS:
        if seed not in [each["seed"] for each in results]:
            results.append(measure_culture(seed))
            KEPT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return results


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows of a Markdown table, by condition."""
    calibrated = [each["calibration"]["accuracy"] for each in results]
    middle, least = np.median(calibrated), min(calibrated)
    yield f"Cross-validated in calibration: median {middle:.3f}, lowest {least:.3f}"
    yield ""
    columns = ("condition", "median", "lowest to highest", "mean, 95 % interval over cultures")
    yield f"| {' | '.join((*columns, 'all trials, 95 % interval'))} |"
    yield "|---" * (len(columns) + 1) + "|"
    for name in sorted(results[0]["conditions"], key=lambda name: (name != STIMULATION, name)):
        each = [culture["conditions"][name] for culture in results]
        accuracy = np.array([condition["accuracy"] for condition in each])
        reach = t.ppf(0.975, len(results) - 1) * accuracy.std(ddof=1) / np.sqrt(len(results))
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
