"""Run all benchmarks, or the named ones; print the figures and write them as JSON."""

import json
import os
import platform
import sys
from pathlib import Path

from benchmarks import culture, hop, loop, page, reading, rpyc_segment, startup

ALL = {
    "hop": hop.run,
    "indexed": reading.indexed,
    "bulk": reading.bulk,
    "replay": reading.replay,
    "loop": loop.run,
    "culture": culture.run,
    "page": page.run,
    "rpyc": rpyc_segment.run,
    "startup": startup.run,
}


def main() -> None:
    names = sys.argv[1:] or list(ALL)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores;")
    print("absolute times move with the machine: compare the ratios of one run")
    for name in names:
        figures = ALL[name]()
        print(name)
        for what, value in figures.items():
            print(f"    {value:10.2f}  {what}")
        (results / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
