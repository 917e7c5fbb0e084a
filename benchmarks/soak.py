"""A soak: the default experiment for minutes while the instrument misbehaves.

    python -m benchmarks.soak [MINUTES]

Every 15 s something goes wrong with the simulated MEAME, up to its death. At the end the recording
is compared with the clock, each delivered pulse with the gate, their number with the accepted
trains, each process's memory and open files with those after its first minute, and the memory of
Redis with that after the time it keeps samples for. The exit status is 0 only if every check
passes.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import urllib3

from crepe.config.experiment import load_experiment, save_experiment
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment import paths
from crepe.messages import Delivered, Segment, Stimulus
from crepe.redis_server.login import ConnectionLostError
from crepe.redis_server.server import running_server
from crepe.safety.limits import Limits
from crepe.store import Store
from crepe.store.connection import RedisConnection
from crepe.store.retention import DEFAULT_KEEP_S
from crepe.supervise import control

FAULTS: tuple[dict[str, Any], ...] = (
    {"drop": True},
    {"stall_s": 0.4},
    {"truncate_bytes": 1000},
    {"errors": 2},
    {"late": 2, "late_s": 0.6},
    {"die": True},
)
EVERY_S = 15.0
SETTLED_S = 60.0  # after which the memory of a process counts
GROWTH_MB = 12.0  # that a process may take on top of it
N_LAST = 15  # looks, one each 2 s
GROWTH_FILES = 3  # files and connections, some of which are open for a moment only
REDIS_SETTLED_S = DEFAULT_KEEP_S + SETTLED_S
CLOCK_S = 0.03  # by which samples may lag behind the wall clock after a gap, which is estimated
WINDOW = 500  # segments, of which the least delayed is taken
UNDER_WAY = 5000  # ticks; a pulse this young may not be over

Use = tuple[float, float, int]  # time in s, memory in MB, open files
Pulse = tuple[int, list[str], list[tuple[float, float]]]  # tick, electrodes, (uA, us)


class Soak:
    """Observations during the run."""

    def __init__(self, var: Path) -> None:
        self._file = var / "run" / "simulator.json"
        self._pool = urllib3.PoolManager(retries=False)
        self._seen_to: dict[str, int] = {}  # tick, by the nonce of the simulator
        self.pulses: dict[str, list[Pulse]] = {}
        self.uses: dict[tuple[str, int], list[Use]] = {}  # by program and pid
        self.n_faults = 0

    def _ask(self, verb: str, path: str, body: str | None = None) -> tuple[str, Any]:
        """Return the simulator's nonce and its answer; nothing while it is down."""
        simulator = paths.read_json(self._file) or {"http_port": 9, "nonce": ""}
        url = f"http://127.0.0.1:{simulator['http_port']}/simulator/{path}"
        try:
            headers = {"content-type": "application/json"}
            return simulator["nonce"], self._pool.request(verb, url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            return "", None

    def fault(self, faults: dict[str, Any]) -> None:
        self._ask("POST", "faults", json.dumps(faults))
        self.n_faults += 1

    def look(self) -> None:
        nonce, answer = self._ask("GET", f"pulses?after={self._seen_to.get(self._nonce(), 0)}")
        if answer is not None:
            record = answer.json()
            until = self._seen_to[nonce] = max(0, record["now"] - UNDER_WAY)
            self.pulses.setdefault(nonce, []).extend(
                (tick, [MCS_60_LABELS[i] for i in indices], [(ua, us) for ua, us in phases])
                for (tick, *indices), phases in zip(record["pulses"], record["phases"], strict=True)
                if tick < until
            )
        for program in control.status():
            if program.pid:
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(program.pid)
                    n_bytes = (
                        self._redis_bytes()
                        if program.name == "redis"
                        else process.memory_info().rss
                    )
                    uses = self.uses.setdefault((program.name, program.pid), [])
                    uses.append((time.monotonic(), n_bytes / 1e6, process.num_fds()))

    def _redis_bytes(self) -> int:
        """Return what the server's data take; its process keeps more, for what may come."""
        server = running_server(self._file.parent.parent)
        if server is None:
            return 0
        connection = RedisConnection(server["url"], "soak")
        try:
            connection.connect()
            memory = str(connection.call("INFO", "memory"), "ascii")
        except ConnectionLostError:  # it was killed, and loads its file
            return 0
        finally:
            connection.disconnect()
        return int(memory.partition("used_memory:")[2].split()[0])

    def _nonce(self) -> str:
        return str((paths.read_json(self._file) or {}).get("nonce", ""))

    def growth(self) -> dict[str, tuple[float, int]]:
        """Return the memory (MB) and files that each process has gained since it settled.

        The end is the median of the last half minute: a program may be caught in the middle of
        its work.
        """
        growth = {}
        for (name, pid), uses in self.uses.items():
            settled_s = REDIS_SETTLED_S if name == "redis" else SETTLED_S
            settled = np.array([use for use in uses if use[0] - uses[0][0] > settled_s])
            if len(settled) > 2 * N_LAST:
                _, mb_before, n_before = np.median(settled[:N_LAST], axis=0)
                _, mb, n_files = np.median(settled[-N_LAST:], axis=0)
                growth[f"{name} {pid}"] = float(mb - mb_before), round(n_files - n_before)
        return growth


def run(minutes: float) -> dict[str, float]:
    """Run the soak; return figures that must be 0, and some for information."""
    changes = {"actors.game.n_trials": 100_000, "actors.game.player": "script"}
    with tempfile.TemporaryDirectory() as directory:
        var = Path(directory)
        os.environ["CREPE_VAR"] = directory
        experiment = load_experiment(changes=changes)
        experiment = save_experiment(experiment, var / "soak.json")
        control.up(experiment.programs, experiment.path, session_is="new")
        try:
            soak = _watch(var, minutes)
        finally:
            control.down()
        (recording,) = (var / "recordings").glob("*.h5")
        limits = experiment.actors["stimulate"].make().limits
        with Store(recording) as kept:
            figures = {**of_samples(kept), **of_pulses([kept], soak, limits)}
        growth = soak.growth()
        for name, (mb, n_files) in growth.items():
            print(f"{name:>24}  {mb:+8.1f} MB  {n_files:+d} files")
        return {
            **figures,
            "must be 0: processes that grew": sum(
                mb > GROWTH_MB or n_files > GROWTH_FILES for mb, n_files in growth.values()
            ),
            "processes that lived long enough to tell": len(growth),
            "faults injected": soak.n_faults,
        }


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
        soak.look()
        time.sleep(2)
    return soak


def of_samples(kept: Store) -> dict[str, float]:
    """Compare samples with the clock: between gaps to half a segment, after a gap to CLOCK_S."""
    data = kept["data"]
    rate_hz = data.info.sampling_rate_hz
    times = np.array(data.times_ns(0, len(data)))
    behind_s = (times[:, 1] - times[0, 1]) / 1e9 - (times[:, 0] - times[0, 0]) / rate_hz
    behind_s -= behind_s[:WINDOW].min()
    gaps = data.gaps()
    stretches = np.split(behind_s, np.searchsorted(times[:, 0], [stop for _, stop in gaps]))
    lost, lag_s = 0, 0.0
    for stop, stretch in zip([0, *(stop for _, stop in gaps)], stretches, strict=True):
        least = (
            [stretch[i : i + WINDOW].min() for i in range(0, max(1, len(stretch) - WINDOW), WINDOW)]
            if len(stretch)
            else [0.0]
        )
        lost += round((max(least) - min(least)) * rate_hz / data.info.segment_samples)
        if abs(least[0]) > CLOCK_S:
            print(f"from sample {stop} on, samples are {least[0]:+.2f} s late", flush=True)
        lag_s = max(lag_s, abs(float(least[0])))
    unmarked = 0
    for _, stop in gaps:
        (segment, *_) = data.messages(stop, stop + 1)
        unmarked += not (isinstance(segment, Segment) and segment.is_estimated)
    return {
        "must be 0: segments lost without a gap": lost,
        "must be 0 on a quiet machine: lag after a gap over the tolerance (s)": max(
            0.0, lag_s - CLOCK_S
        ),
        "must be 0: gaps that are not marked as estimated": unmarked,
        "gaps": len(gaps),
        "largest lag after a gap (s)": lag_s,
        "seconds recorded": float(len(data) / rate_hz),
    }


def of_pulses(sessions: Sequence[Store], soak: Soak, limits: Limits) -> dict[str, float]:
    """Check each delivered pulse by the gate, and their number against the accepted trains.

    `sessions` are all during which pulses were looked at.
    """
    allowed = 0
    states: list[str] = []  # of each stimulus, in the end
    requested_phases: set[tuple[tuple[float, float], ...]] = set()
    for kept in sessions:
        requested = {
            m.number: m
            for m in kept["result:stimuli"].messages(0, 2**62)
            if isinstance(m, Stimulus)
        }
        state_of: dict[int, str] = {}
        for message in kept["result:delivered"].messages(0, 2**62):
            if isinstance(message, Delivered):
                state_of[message.number] = message.state
        allowed += sum(
            requested[n].n_pulses
            for n, state in state_of.items()
            if state != "refused" and n in requested
        )
        states += state_of.values()
        requested_phases |= {stimulus.phases for stimulus in requested.values()}
    pulses = [
        pulse for pulses_of_electrode in soak.pulses.values() for pulse in pulses_of_electrode
    ]
    outside = cut = most = 0
    for _, electrodes, phases in pulses:
        reason = limits.refusal(electrodes, phases, 1.0, 1, "uA")
        if reason and any(_is_begun(phases, whole) for whole in requested_phases):
            cut += 1
        elif reason:
            print(f"outside the gate: {reason}")
            outside += 1
    for pulses_of_electrode in soak.pulses.values():
        ticks = np.array([tick for tick, *_ in pulses_of_electrode])
        within = np.searchsorted(ticks, ticks + 50_000) - np.arange(len(ticks))
        most = max([most, *within.tolist()])
    return {
        "must be 0: pulses outside the gate": outside,
        "must be 0: pulses more than were let through": max(0, len(pulses) - allowed),
        "must be 0: pulses in a second over the limit of 50": max(0, most - 50),
        "pulses that a stop cut short": cut,
        "pulses in the dish": len(pulses),
        "pulses let through": allowed,
        "stimuli refused": states.count("refused"),
        "stimuli stopped early": states.count("stopped"),
    }


def _is_begun(phases: list[tuple[float, float]], whole: Sequence[tuple[float, float]]) -> bool:
    """Return whether phases are the beginning of a pulse that a stop interrupted."""
    *before, (ua, us) = phases
    n = len(before)
    return n < len(whole) and before == list(whole[:n]) and ua == whole[n][0] and us <= whole[n][1]


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    figures = run(minutes)
    for what, value in figures.items():
        print(f"    {value:10.2f}  {what}")
    sys.exit(any(value for what, value in figures.items() if what.startswith("must be 0")))


if __name__ == "__main__":
    main()
