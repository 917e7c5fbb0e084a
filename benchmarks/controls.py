"""Ten cultures, none of which the defaults were chosen with: does the answer come from the cells?

Run on its own (`python -m benchmarks.controls`): it takes about half an hour on two cores. Each
seed is a culture, and the culture is the unit of replication.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

SEEDS = tuple(range(3001, 3011))
N_AT_ONCE = 2


def one(seed: int, directory: str) -> dict[str, object]:
    """The shipped experiment on one culture, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "crepe", "experiment", "--seed", str(seed), "--json"],
        env={**os.environ, "CREPE_VAR": directory},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    print(seed, json.dumps(found["conditions"]), flush=True)
    return found


def run() -> dict[str, float]:
    """Medians over the cultures, and each condition pooled over all of them with its interval."""
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(N_AT_ONCE) as pool:
        found = list(pool.map(one, SEEDS, (f"{directory}/{seed}" for seed in SEEDS)))
    (Path(__file__).parent / "results").mkdir(exist_ok=True)
    path = Path(__file__).parent / "results" / "controls-by-culture.json"
    path.write_text(json.dumps(found, indent=2) + "\n")
    result = {
        "calibration, cross-validated, median": float(
            np.median([one["calibration"]["accuracy"] for one in found])
        )
    }
    for name in found[0]["conditions"]:
        each = [one["conditions"][name] for one in found]
        right = sum(round(one["accuracy"] * one["n_trials"]) for one in each)
        n = sum(one["n_trials"] for one in each)
        low, high = binomtest(right, n).proportion_ci(method="wilson")
        result |= {
            f"{name}, median over cultures": float(np.median([one["accuracy"] for one in each])),
            f"{name}, lowest": min(one["accuracy"] for one in each),
            f"{name}, highest": max(one["accuracy"] for one in each),
            f"{name}, pooled over {n} trials": right / n,
            f"{name}, pooled, 95 % low": float(low),
            f"{name}, pooled, 95 % high": float(high),
        }
    return result


if __name__ == "__main__":
    for what, value in run().items():
        print(f"{value:10.3f}  {what}")
