"""A soak: the default experiment for minutes while the instrument misbehaves.

    python -m benchmarks.soak [MINUTES]

Every 15 s something goes wrong with the simulated MEAME. At the end the recording is held against
the clock, the pulses in the dish against what was asked for, and each program's memory against
what it was after the first minute. The exit status is 0 only if all of it holds.
"""

import json
import os
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import urllib3

from crepe import config
from crepe.messages import Delivered, Segment, Stimulus
from crepe.store import Store
from crepe.supervise import control

FAULTS: tuple[dict[str, Any], ...] = (
    {"drop": True},
    {"stall_s": 0.4},
    {"truncate_bytes": 1000},
    {"errors": 2},
    {"late": 2, "late_s": 0.6},
)
EVERY_S = 15.0
SETTLED_S = 60.0  # memory counts from here
GROWTH_MB = 12.0  # that a program may take on top of it
CLOCK_S = 0.15  # by which samples may lag behind the wall clock


class Soak:
    """What is seen while it runs."""

    def __init__(self, var: Path) -> None:
        found = json.loads((var / "run" / "simulator.json").read_text())
        self._url = f"http://127.0.0.1:{found['http_port']}/simulator"
        self._pool = urllib3.PoolManager(retries=False)
        self.pulses: list[list[int]] = []
        self.memory_mb: dict[str, list[float]] = {}
        self.n_faults = 0

    def fault(self, wanted: dict[str, Any]) -> None:
        self._pool.request("POST", f"{self._url}/faults", body=json.dumps(wanted))
        self.n_faults += 1

    def look(self) -> None:
        after = self.pulses[-1][0] + 1 if self.pulses else 0
        answer = self._pool.request("GET", f"{self._url}/pulses?after={after}")
        self.pulses += answer.json()["pulses"]
        for program in control.status():
            if program.pid:
                mb = psutil.Process(program.pid).memory_info().rss / 1e6
                self.memory_mb.setdefault(program.name, []).append(mb)


def run(minutes: float) -> dict[str, float]:
    """Run it; figures, each of which must be 0, and some for information."""
    changes = {"actors.game.n_trials": 100_000, "actors.game.player": "script"}
    with tempfile.TemporaryDirectory() as directory:
        var = Path(directory)
        os.environ["CREPE_VAR"] = directory
        experiment = config.load(changes=changes)
        path = config.save(experiment, var / "soak.json")
        control.up(experiment.programs, path, session_is="new")
        try:
            soak = _watch(var, minutes)
        finally:
            control.down()
        (recording,) = (var / "recordings").glob("*.h5")
        with Store(recording) as kept:
            return {**_judge(kept, soak), "faults injected": soak.n_faults}


def _watch(var: Path, minutes: float) -> Soak:
    while not (var / "run" / "simulator.json").exists():
        time.sleep(0.1)
    time.sleep(5)
    soak = Soak(var)
    began_s = time.monotonic()
    faults = cycle(FAULTS)
    next_s = began_s + EVERY_S
    while (now_s := time.monotonic()) < began_s + 60 * minutes:
        if now_s > next_s:
            next_s += EVERY_S
            soak.fault(next(faults))
        if now_s > began_s + min(SETTLED_S, 30 * minutes):
            soak.look()
        else:
            soak.look()
            soak.memory_mb.clear()
        time.sleep(2)
    return soak


def _judge(kept: Store, soak: Soak) -> dict[str, float]:
    data = kept["data"]
    rate_hz = data.info.sampling_rate_hz
    times = np.array(data.times_ns(0, len(data)))
    behind_s = (times[:, 1] - times[0, 1]) / 1e9 - (times[:, 0] - times[0, 0]) / rate_hz
    settled = np.array([behind_s[i : i + 50].min() for i in range(0, len(behind_s), 50)])
    gaps = data.gaps()
    unmarked = 0
    for _, stop in gaps:
        (segment, *_) = data.messages(stop, stop + 1)
        unmarked += not (isinstance(segment, Segment) and segment.is_estimated)
    asked = {
        m.number: m for m in kept["result:stimuli"].messages(0, 2**62) if isinstance(m, Stimulus)
    }
    states: dict[int, str] = {}
    for message in kept["result:delivered"].messages(0, 2**62):
        if isinstance(message, Delivered):
            states[message.number] = message.state
    fired = [asked[n] for n, state in states.items() if state != "refused" and n in asked]
    allowed = sum(stimulus.n_pulses for stimulus in fired)
    growth = {n: found[-1] - found[0] for n, found in soak.memory_mb.items() if len(found) > 1}
    growth.pop("redis", None)  # it keeps as many streams as its budget holds
    print({name: f"{mb:+.1f} MB" for name, mb in growth.items()})
    ticks = np.array([tick for tick, *_ in soak.pulses])
    most = max((np.searchsorted(ticks, ticks + 50_000) - np.arange(len(ticks))).tolist(), default=0)
    return {
        "must be 0: samples lost without a gap (as time, over the tolerance)": float(
            max(0.0, np.abs(settled).max() - CLOCK_S)
        ),
        "must be 0: gaps that are not marked as estimated": unmarked,
        "must be 0: pulses more than were let through": max(0, len(soak.pulses) - allowed),
        "must be 0: pulses in a second over the limit of 50": max(0, most - 50),
        "must be 0: programs that grew": sum(mb > GROWTH_MB for mb in growth.values()),
        "gaps": len(gaps),
        "pulses in the dish": len(soak.pulses),
        "pulses let through": allowed,
        "stimuli refused": sum(state == "refused" for state in states.values()),
        "stimuli stopped early": sum(state == "stopped" for state in states.values()),
        "seconds recorded": float(len(data) / rate_hz),
    }


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    found = run(minutes)
    for what, value in found.items():
        print(f"    {value:10.2f}  {what}")
    sys.exit(any(value for what, value in found.items() if what.startswith("must be 0")))


if __name__ == "__main__":
    main()
