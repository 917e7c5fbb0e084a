"""CREPE at the pace of CL SDK's loop: a chain that acquires, filters and detects each millisecond.

Its result is in Redis, for any number of readers, where the loop's is in its own process.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.peers.cl_sdk import N_TICKS, RATE_HZ
from crepe.cli.scoreboard import latencies_ms
from crepe.config.overrides import prepare
from crepe.supervise.start import running

SETTLE_S = 5.0
EXPERIMENT = f"""
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=60&segment_samples={10_000 // RATE_HZ}&repeat_s=0.5"

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]

[chains.signal]
actors = ["acquire", "filter", "detect"]
"""


def measure() -> dict[str, float]:
    """Return p50 and p99 of the distance of two results, and of the time to one from its data."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        file = Path(directory) / "chain.toml"
        file.write_text(EXPERIMENT)
        with running(prepare(file)) as store:
            time.sleep(SETTLE_S)
            cursors: dict[str, int] = {}
            latencies_ms(store, "data", "data:spikes", cursors)
            start = len(store["data:spikes"])
            time.sleep(N_TICKS / RATE_HZ)
            took_us = np.array(latencies_ms(store, "data", "data:spikes", cursors)) * 1e3
            times_ns = [t_ns for _, t_ns in store["data:spikes"].times_ns(start)]
    figures = {f"tick p{p} us": float(np.percentile(np.diff(times_ns) / 1e3, p)) for p in (50, 99)}
    return figures | {
        f"acquired to spikes p{p} us": float(np.percentile(took_us, p)) for p in (50, 99)
    }
