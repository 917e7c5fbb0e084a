"""Cart-pole with a coach on one culture: its map, then the experiment with the map's electrodes.

`python -m benchmarks.papers FILE --seed N --json ...`: options of `crepe experiment`, whose result
is printed. `crepe sweep benchmarks/sweeps/papers-cartpole.toml` runs it for each culture.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from crepe.errors import ExitCode

N_ROUNDS = 8
"""Pulses at each electrode of the map."""


def main() -> int:
    """Return the exit status of the first command that failed, or of the experiment."""
    arguments = sys.argv[1:]
    if "--seed" not in arguments[:-1]:
        print("benchmarks.papers: --seed N is missing", file=sys.stderr)
        return ExitCode.USAGE
    seed = arguments[arguments.index("--seed") + 1]
    crepe = [sys.executable, "-m", "crepe"]
    with tempfile.TemporaryDirectory() as directory:
        rounds = ["--rounds", str(N_ROUNDS), "--seed", seed, "--out", directory]
        mapped = subprocess.run([*crepe, "map", *rounds], stdout=subprocess.DEVNULL, check=False)
        if mapped.returncode:
            return mapped.returncode
        chosen = ["--map", str(Path(directory) / "map.json")]
        return subprocess.run([*crepe, "experiment", *arguments, *chosen], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
