"""`make bench-peers`: all peers in turn, again and again; medians with the least and the most.

`python -m benchmarks.peers [REPEATS] [--release]`. The figures are written to benchmarks/results;
`--release` keeps them in docs/data/peers/, under the version, and draws the figure of the
documentation. A peer whose package is not installed is left out, and named.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from benchmarks.peers import cl_sdk, results
from benchmarks.peers.measure import PEERS, Figures, fan_out, loop, past, start_up

REPEATS = 5
N_READERS = (1, 4, 16)


def main() -> None:
    arguments = [it for it in sys.argv[1:] if it != "--release"]
    repeats = int(arguments[0]) if arguments else REPEATS
    needs = {"zeromq": "zmq", "ezmsg": "ezmsg", "lsl": "pylsl"}
    names = [name for name in PEERS if name not in needs or find_spec(needs[name])]
    runs: dict[str, list[Figures]] = {name: [] for name in names}
    for i in range(repeats):
        for name in names:
            print(f"{i + 1} of {repeats}: {name}", flush=True)
            runs[name].append(_measure(name))
    summary = {name: _summary(each) for name, each in runs.items()}
    if find_spec("cl"):
        summary["cl-sdk"] = _summary([cl_sdk.run() for _ in range(repeats)])
    missing = [name for name in (*PEERS, "cl-sdk") if name not in summary]
    kept = results.Results.of(summary, repeats)
    print(results.table(kept))
    if missing:
        print("not installed: " + ", ".join(missing))
    results.write(kept, is_release="--release" in sys.argv)


def _measure(name: str) -> Figures:
    figures: Figures = {}
    for n in N_READERS:
        figures |= fan_out(name, n)
    return figures | loop(name) | start_up(name) | past(name)


def _summary(runs: Sequence[Figures]) -> Mapping[str, tuple[float, float, float]]:
    """Return the median of each figure, its least and its most."""
    values = {what: sorted(run[what] for run in runs) for what in runs[0]}
    return {what: (each[len(each) // 2], each[0], each[-1]) for what, each in values.items()}


if __name__ == "__main__":
    main()
