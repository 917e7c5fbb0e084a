"""Cultures on a cluster of six nodes of this machine, more and more, and the death of a master.

`python -m benchmarks.cluster [MOST]`: 1, 2, 4, ... cultures of 60 channels at 10 kHz, spread over
three masters, until their slowest loses more than a hundredth of real time, or MOST run. Each
has three programs: acquisition and filter in a chain, detection, recorder. Then, with as many as
were sustained, the master of the first is killed. The nodes keep no append-only file.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.cluster_nodes import N_MASTERS, Cluster, Node, running_cluster, until
from benchmarks.startup import cpu_s
from crepe.errors import CrepeError
from crepe.redis_server.cluster import N_SLOTS, slot_of
from crepe.store import Store

SETTLE_S, MEASURE_S, AFTER_S = 5.0, 20.0, 10.0
RATE_HZ = 10_000
SUSTAINED = 0.99
EXPERIMENT = """
name = "{name}"

[redis]
keep_s = 30

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=60&repeat_s=0.5"

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]

[chains.signal]
actors = ["acquire", "filter"]
"""


class Stack:
    """The programs of one culture, in a run-time directory of their own."""

    def __init__(self, directory: Path, name: str, url: str) -> None:
        self.name, self.url = name, url
        self.var = directory / name
        self.var.mkdir()
        self._file = self.var / "culture.toml"
        self._file.write_text(EXPERIMENT.format(name=name), encoding="utf-8")
        self._environment = {**os.environ, "CREPE_VAR": str(self.var), "CREPE_REDIS": url}

    def crepe(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Begin a command of CREPE for this culture."""
        command = [sys.executable, "-m", "crepe", *arguments]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)

    def up(self) -> "subprocess.Popen[bytes]":
        """Begin to start the programs."""
        return self.crepe("up", str(self._file), "--new")

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Yield a store of the culture's streams."""
        with Store(self.url, culture=self.name, patience_s=60.0) as store:
            yield store

    @property
    def recording(self) -> Path:
        """Path of the only recording."""
        (path,) = (self.var / "recordings").glob("*.h5")
        return path


def name_on(master: int) -> str:
    """Return a new name of a culture whose slot a master has, counted from 0."""
    names = (f"culture-{next(_numbers)}" for _ in count())
    return next(name for name in names if slot_of(name) * N_MASTERS // N_SLOTS == master)


_numbers = count()


@contextmanager
def running_cultures(cluster: Cluster, n: int) -> Iterator[list[Stack]]:
    """Run `n` cultures while the block lasts."""
    with tempfile.TemporaryDirectory() as directory:
        url = cluster.nodes[-1].url
        stacks = [Stack(Path(directory), name_on(i % N_MASTERS), url) for i in range(n)]
        try:
            _all_done([stack.up() for stack in stacks])
            yield stacks
        finally:
            _stop(stacks)


def _all_done(commands: list["subprocess.Popen[bytes]"]) -> None:
    statuses = [command.wait() for command in commands]
    if any(statuses):
        raise CrepeError("not all cultures have started; their reasons are above")


def _stop(stacks: list[Stack]) -> None:
    for stopping in [stack.crepe("down") for stack in stacks]:
        stopping.wait()


def shares(stacks: list[Stack]) -> list[float]:
    """Return what each culture gains in spikes' time, of real time, while they run."""
    with ExitStack() as opened:
        stores = [opened.enter_context(stack.store()) for stack in stacks]
        time.sleep(SETTLE_S)
        before = [(time.monotonic(), len(store["data:spikes"])) for store in stores]
        time.sleep(MEASURE_S)
        after = [(time.monotonic(), len(store["data:spikes"])) for store in stores]
    return [
        (stop - start) / RATE_HZ / (end_s - begin_s)
        for (begin_s, start), (end_s, stop) in zip(before, after, strict=True)
    ]


def case(cluster: Cluster, n: int) -> float:
    """Print the figures of `n` cultures; return the share of real time of the slowest."""
    with running_cultures(cluster, n) as stacks:
        servers = [psutil.Process(node.process.pid) for node in cluster.nodes]
        busy, began_s = cpu_s(servers), time.monotonic()
        idle = psutil.cpu_times().idle
        of_real_time = shares(stacks)
        elapsed_s = time.monotonic() - began_s
        servers_share = (cpu_s(servers) - busy) / elapsed_s
        used = os.cpu_count() or 1
        machine = used - (psutil.cpu_times().idle - idle) / elapsed_s
    print(f"{n} cultures")
    print(f"    {min(of_real_time):10.3f}  of real time, the slowest")
    print(f"    {servers_share:10.2f}  cores, the six nodes")
    print(f"    {machine:10.2f}  cores of {used}, the whole machine", flush=True)
    return min(of_real_time)


def death_of_a_master(cluster: Cluster, n: int) -> None:
    """Kill the master of the first culture, and print what came of all of them."""
    with running_cultures(cluster, n) as stacks, ExitStack() as opened:
        stores = [opened.enter_context(stack.store()) for stack in stacks]
        time.sleep(SETTLE_S)
        dying = cluster.master_of(stacks[0].name)
        hit = [cluster.master_of(stack.name) is dying for stack in stacks]
        before = [_window(store) for store in stores]
        away_s = _away_s(dying, stores[0])
        time.sleep(AFTER_S)
        ends = [stop + RATE_HZ for _, stop, _ in before]
        until(lambda: all(len(s["data"]) > end for s, end in zip(stores, ends, strict=True)))
        lost = [len(s["data"].gaps(s["data"].first, len(s["data"]))) for s in stores]
        _stop(stacks)
        differ = gaps = 0
        for stack, (start, stop, samples) in zip(stacks, before, strict=True):
            with Store(stack.recording) as recording:
                data = recording["data"]
                differ += not np.array_equal(data.read(start, stop), samples)
                gaps += len(data.gaps(0, len(data)))
    print(f"a master killed under {n} cultures, {sum(hit)} of them its own")
    print(f"    {away_s:10.2f}  s until its first culture went on")
    print(f"    {sum(lost):10d}  gaps in the streams")
    print(f"    {gaps:10d}  gaps in the recordings")
    print(f"    {differ:10d}  cultures in whose recording acknowledged samples are missing")


def _window(store: Store) -> tuple[int, int, NDArray[Any]]:
    data = store["data"]
    stop = len(data)
    start = max(data.first, stop - RATE_HZ)
    return start, stop, data.read(start, stop)


def _away_s(dying: Node, store: Store) -> float:
    """Kill a node; return the seconds until a culture of it gains samples again."""
    began_s, length = time.monotonic(), len(store["data"])
    dying.kill()
    until(lambda: len(store["data"]) > length + RATE_HZ // 10)
    return time.monotonic() - began_s


def main() -> None:
    most = int(sys.argv[1]) if sys.argv[1:] else 64
    sustained = 0
    with tempfile.TemporaryDirectory() as directory, running_cluster(Path(directory)) as cluster:
        n = 1
        while n <= most and case(cluster, n) >= SUSTAINED:
            sustained, n = n, 2 * n
        print(f"sustained: {sustained} cultures of 60 channels at {RATE_HZ} Hz", flush=True)
        death_of_a_master(cluster, max(1, sustained))


if __name__ == "__main__":
    main()
