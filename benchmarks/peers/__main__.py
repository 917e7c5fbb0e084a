"""`make bench-peers`: all peers in turn, again and again; medians with the least and the most.

`python -m benchmarks.peers [REPEATS] [--release]`. The figures are written to benchmarks/results;
`--release` keeps them in docs/data/peers/, under the version, and draws the figure of the
documentation. A peer whose package is not installed is left out, and named. Last are loops of a
millisecond: that of CL SDK, and a chain of CREPE's.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from benchmarks.peers import cl_sdk, crepe_chain, results
from benchmarks.peers.measure import PEERS, Figures, fan_out, loop, past, start_up

Summary = Mapping[str, tuple[float, float, float]]

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
    loops, versions = _loops(repeats)
    missing = [name for name in PEERS if name not in summary]
    kept = results.Results.of(summary | loops, repeats, versions)
    print(results.table(kept))
    if missing:
        print("not installed: " + ", ".join(missing))
    results.write(kept, is_release="--release" in sys.argv)


def _loops(repeats: int) -> tuple[dict[str, Summary], dict[str, str]]:
    """Return the figures of the loops in turn, and the version of CL SDK if it is measured."""
    reason = cl_sdk.obstacle()
    if reason:
        print(f"CL SDK is left out: {reason}")
    of_cl, of_crepe, versions = [], [], {}
    for i in range(repeats):
        print(f"{i + 1} of {repeats}: loops of a millisecond", flush=True)
        if not reason:
            figures, versions["cl-sdk"] = cl_sdk.run()
            of_cl.append(figures)
        of_crepe.append(crepe_chain.measure())
    runs = {"cl-sdk": of_cl, "crepe-chain": of_crepe}
    return {name: _summary(each) for name, each in runs.items() if each}, versions


def _measure(name: str) -> Figures:
    figures: Figures = {}
    for n in N_READERS:
        figures |= fan_out(name, n)
    return figures | loop(name) | start_up(name) | past(name)


def _summary(runs: Sequence[Figures]) -> Summary:
    """Return the median of each figure, its least and its most."""
    values = {what: sorted(run[what] for run in runs) for what in runs[0]}
    return {what: (each[len(each) // 2], each[0], each[-1]) for what, each in values.items()}


if __name__ == "__main__":
    main()
