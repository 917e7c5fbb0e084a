"""Random inputs at every door: `python -m benchmarks.fuzz [N] [SEED]`, by default 1,000,000.

Prints for each door how many inputs it accepted and refused. Anything but a refusal that the door
may give is a fault, and is printed with its place; then the exit status is 1.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from traceback import extract_tb

from benchmarks.fuzz.doors import doors


def run(n_inputs: int, seed: int) -> Counter[str]:
    """Return how often each fault occurred."""
    faults: Counter[str] = Counter()
    with TemporaryDirectory() as directory:
        for name, (share, door) in doors(Path(directory)).items():
            r, began_s, accepted = Random(f"{seed} {name}"), time.monotonic(), 0
            n = max(1, round(share * n_inputs))
            for _ in range(n):
                try:
                    accepted += door(r)
                except Exception as error:  # noqa: BLE001  # that is what is looked for
                    place = extract_tb(error.__traceback__)[-1]
                    where = f"{Path(place.filename).name}:{place.lineno}"
                    faults[f"{name}: {type(error).__name__} at {where}: {str(error)[:300]}"] += 1
            took_s = time.monotonic() - began_s
            print(f"{name:18} {n:9,} inputs, {accepted:8,} accepted, {took_s:6.0f} s", flush=True)
    return faults


def main() -> None:
    n_inputs, seed = (int(text) for text in [*sys.argv[1:], *("1000000", "1")[len(sys.argv) - 1 :]])
    faults = run(n_inputs, seed)
    for fault, n in faults.most_common(20):
        print(f"    {n} times: {fault}")
    print(f"{n_inputs:,} inputs, {faults.total()} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
