"""Many channels through acquisition, filter, detection and the recorder: lag, latency, CPU time.

`python -m benchmarks.channels [CHANNELS RATE_HZ] [--record] [--shards N] [--seconds S]
[--speed X]`: all the cases below, or one. The generator repeats data that it has drawn in advance.
A case is sustained if the last stream gains as many samples as time passes. CPU time, a share of a
core, depends less on other work than the latencies do. There is no append-only file, which at these
rates writes the signal to the disk a second time. On a busy machine a `--speed` below 1 keeps up,
so that CPU time per second of data still means something. `--cost` gives a row for each number of
channels instead: CPU seconds per second of data, and what each added channel costs.
"""

import os
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks.startup import cpu_s
from crepe.cli.scoreboard import latencies_ms
from crepe.config.overrides import prepare
from crepe.errors import DeviceError
from crepe.supervise import control
from crepe.supervise.start import running

CASES = [
    (60, 10_000, True, 1),
    (1024, 20_000, False, 1),
    (1024, 20_000, False, 2),
    (1024, 20_000, True, 1),
    (1024, 30_000, True, 1),
    (1024, 30_000, True, 2),
    (4096, 20_000, False, 2),
]
"""Channels, samples per second, whether they are recorded, shards."""
COSTS = (60, 120, 256, 512, 1024)
"""Numbers of channels whose cost is compared, at 20 kHz."""
SETTLE_S, MEASURE_S = 5.0, 20.0
START_S = 20.0  # of data that are recorded before and after, at most
EXPERIMENT = """
[redis]
append_only = false
maxmemory_mb = 2048

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels={n}&sampling_rate_hz={hz}&segment_samples={segment}&repeat_s=0.5&speed={speed}"

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
shards = {shards}

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]
shards = {shards}

[chains.pipeline]
actors = ["filter", "detect"]
"""
RECORD = """
[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
"""


def case(
    n_channels: int, rate_hz: int, *, is_recorded: bool, shards: int, seconds: float, speed: float
) -> dict[str, float]:
    """Return the figures of one case, in segments of 10 ms."""
    text = EXPERIMENT.format(
        n=n_channels, hz=rate_hz, segment=rate_hz // 100, shards=shards, speed=speed
    )
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        file = Path(directory) / "channels.toml"
        file.write_text(text + RECORD * is_recorded)
        with running(prepare(file), length_s=seconds + START_S) as store:
            supervisor = control.running(Path(directory))
            assert supervisor is not None
            parent = psutil.Process(supervisor.process.pid)
            programs = {_name(each): each for each in parent.children(recursive=True)}
            time.sleep(SETTLE_S)
            cursors: dict[str, int] = {}
            late_ms = latencies_ms(store, "data", "data:spikes", cursors)
            before = {name: cpu_s([each]) for name, each in programs.items()}
            began_s, began_at = time.monotonic(), len(store["data:spikes"])
            while time.monotonic() < began_s + seconds:
                time.sleep(0.5)
                late_ms += latencies_ms(store, "data", "data:spikes", cursors)
            elapsed_s = time.monotonic() - began_s
            gained = len(store["data:spikes"]) - began_at
            used = {name: cpu_s([each]) - before[name] for name, each in programs.items()}
    late_ms = sorted(late_ms) or [float("nan")]
    figures = {"of real time": gained / rate_hz / elapsed_s / speed}
    figures["acquired to spikes p50 ms"] = late_ms[len(late_ms) // 2]
    figures["acquired to spikes p99 ms"] = late_ms[len(late_ms) * 99 // 100]
    figures["CPU s per s of data"] = sum(used.values()) * rate_hz / max(1, gained)
    return figures | {f"{name}, of a core": s / elapsed_s for name, s in used.items()}


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    return words[words.index("run") + 1] if "run" in words else Path(words[0]).name


def _print(cases: Iterable[tuple[int, int, bool, int]], given: Namespace) -> None:
    for n_channels, rate_hz, is_recorded, shards in cases:
        notes = ", recorded" * is_recorded + f", {shards} shards" * (shards > 1)
        print(f"{n_channels} channels at {rate_hz} Hz{notes}", flush=True)
        try:
            figures = case(
                n_channels,
                rate_hz,
                is_recorded=is_recorded,
                shards=shards,
                seconds=given.seconds,
                speed=given.speed,
            )
        except DeviceError as error:  # no room on the disk
            print(f"    not measured: {error}")
            continue
        for what, value in figures.items():
            print(f"    {value:10.2f}  {what}", flush=True)


def _print_costs(given: Namespace) -> None:
    """Print what each number of channels costs, and what one more does, as rows of a table."""
    before: tuple[int, float] | None = None
    print("| channels | of real time | CPU s per s of data | ms of it per added channel |")
    for n_channels in COSTS:
        figures = case(
            n_channels,
            20_000,
            is_recorded=given.record,
            shards=given.shards,
            seconds=given.seconds,
            speed=given.speed,
        )
        cpu_s_per_s = figures["CPU s per s of data"]
        added = ""
        if before is not None:
            added = f"{1000 * (cpu_s_per_s - before[1]) / (n_channels - before[0]):.2f}"
        before = n_channels, cpu_s_per_s
        shares = f"{figures['of real time']:.2f} | {cpu_s_per_s:.3f} | {added}"
        print(f"| {n_channels} | {shares} |", flush=True)


def main() -> None:
    parser = ArgumentParser("python -m benchmarks.channels")
    parser.add_argument("channels", type=int, nargs="?")
    parser.add_argument("rate_hz", type=int, nargs="?", default=20_000)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=MEASURE_S)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--cost", action="store_true")
    given = parser.parse_args()
    if given.cost:
        _print_costs(given)
    elif given.channels is None:
        _print(CASES, given)
    else:
        _print([(given.channels, given.rate_hz, given.record, given.shards)], given)


if __name__ == "__main__":
    main()
