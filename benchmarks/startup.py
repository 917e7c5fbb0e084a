"""The cost of a start: `crepe up` of the default experiment, and of its programs once they run.

Time depends on the load of the machine. CPU seconds and memory (PSS: a page that processes share is
divided among them) hardly do, so that they show a change on a busy machine, too.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from crepe.supervise import control

REPEATS = 5
SETTLE_S, STEADY_S = 5.0, 15.0
GOALS = {"s": 3.0, "CPU s": 4.0, "MB PSS": 450.0, "% of a core": 30.0}


def run() -> dict[str, float]:
    """Return medians, with the goal in each name, and the smallest wall time."""
    starts = [_measure() for _ in range(REPEATS)]
    figures = {
        f"{unit} of {what} (goal {GOALS[unit]:g})": median(start[unit] for start in starts)
        for unit, what in (
            ("s", "`crepe up`"),
            ("CPU s", "all processes until it returns"),
            ("MB PSS", f"all programs {SETTLE_S:g} s later"),
            ("% of a core", "all programs from then on"),
        )
    }
    figures["s of the fastest `crepe up`"] = min(start["s"] for start in starts)
    return figures


def _measure() -> dict[str, float]:
    """Start and stop the default experiment once; return the figures named in GOALS."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        crepe = [sys.executable, "-m", "crepe"]
        began_s = time.perf_counter()
        up = subprocess.Popen([*crepe, "up"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert up.stderr is not None
        text = up.stderr.read().decode()
        _, status, usage = os.wait4(up.pid, 0)
        elapsed_s = time.perf_counter() - began_s
        try:
            assert status == 0, text
            supervisor = control.running(Path(directory))
            assert supervisor is not None
            supervisord = psutil.Process(supervisor.process.pid)
            processes = [supervisord, *supervisord.children(recursive=True)]
            start_s = usage.ru_utime + usage.ru_stime + cpu_s(processes)
            time.sleep(SETTLE_S)
            pss = sum(process.memory_full_info().pss for process in processes)
            before_s, since_s = cpu_s(processes), time.perf_counter()
            time.sleep(STEADY_S)
            core = (cpu_s(processes) - before_s) / (time.perf_counter() - since_s)
        finally:
            subprocess.run([*crepe, "down"], stdout=subprocess.DEVNULL, check=True)
    return {"s": elapsed_s, "CPU s": start_s, "MB PSS": pss / 1e6, "% of a core": 100 * core}


def cpu_s(processes: list[psutil.Process]) -> float:
    """Return the CPU time that processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    for name, value in run().items():
        print(f"    {value:10.2f}  {name}")
