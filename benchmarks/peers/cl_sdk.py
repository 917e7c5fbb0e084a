"""CL SDK's simulator: its loop and its stimulation in one process, in an environment of its own.

`make bench-peers` makes that environment where a Python of 3.12 or newer is. The SDK is under
CC BY-NC, so that no extra of CREPE's installs it.
"""

import json
import os
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

PYTHON = Path(__file__).parents[2] / ".venv-cl" / "bin" / "python"
N_TICKS = 2_000
RATE_HZ = 1_000


def obstacle() -> str:
    """Return why the SDK cannot be measured; empty if it can."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", "import cl"], check=False).returncode == 0:
        return ""
    return "it needs Python 3.12 and `cl-sdk`: make bench-peers PYTHON=/path/to/python3.12"


def run() -> tuple[dict[str, float], str]:
    """Return what `measure` does, in the SDK's own environment, and the version of the SDK."""
    command = [PYTHON, "-m", "benchmarks.peers.cl_sdk"]
    environment = {**os.environ, "CL_SDK_VISUALISATION": "0"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["figures"], answer["version"]


def measure() -> dict[str, float]:
    """Return p50 and p99 of a tick's distance from the one before, and of a call of `stim`."""
    import cl  # only where the SDK is installed

    ticks_ns, stims_ns = [], []
    with cl.open() as neurons:
        for i, _ in enumerate(neurons.loop(RATE_HZ, stop_after_ticks=N_TICKS, ignore_jitter=True)):
            ticks_ns.append(time.monotonic_ns())
            if i % 20 == 0:
                began_ns = time.monotonic_ns()
                neurons.stim(35, 1.0)
                stims_ns.append(time.monotonic_ns() - began_ns)
    apart_us = np.diff(ticks_ns)[100:] / 1e3
    figures = {f"tick p{p} us": float(np.percentile(apart_us, p)) for p in (50, 99)}
    stims_us = np.array(stims_ns[5:]) / 1e3
    return figures | {f"stim p{p} us": float(np.percentile(stims_us, p)) for p in (50, 99)}


if __name__ == "__main__":
    print(json.dumps({"figures": measure(), "version": version("cl-sdk")}))
