"""Many channels through acquisition, filter, detection and the recorder: lag, latency, CPU time.

`python -m benchmarks.channels [CHANNELS RATE_HZ [record]]`: all the cases below, or one. The
generator repeats data that it has drawn in advance. A case is sustained if the last stream gains
as many samples as time passes. CPU time, a share of a core, depends less on other work than the
latencies do.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.startup import cpu_s
from crepe.cli.scoreboard import latencies_ms
from crepe.config.overrides import prepare
from crepe.errors import DeviceError
from crepe.supervise import control
from crepe.supervise.start import running

CASES = [(60, 10_000, True), (1024, 20_000, False), (1024, 20_000, True), (1024, 30_000, True)]
SETTLE_S, MEASURE_S = 5.0, 20.0
EXPERIMENT = """
[culture.simulated]

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels={n}&sampling_rate_hz={hz}&segment_samples={segment}&repeat_s=0.5"

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]

[chains.pipeline]
actors = ["filter", "detect"]
"""
RECORD = """
[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
"""


def case(n_channels: int, rate_hz: int, *, is_recorded: bool) -> dict[str, float]:
    """Return the figures of one case, in segments of 10 ms."""
    text = EXPERIMENT.format(n=n_channels, hz=rate_hz, segment=rate_hz // 100)
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        file = Path(directory) / "channels.toml"
        file.write_text(text + RECORD * is_recorded)
        with running(prepare(file)) as store:
            supervisor = control.running(Path(directory))
            assert supervisor is not None
            parent = psutil.Process(supervisor.process.pid)
            programs = {_name(each): each for each in parent.children(recursive=True)}
            time.sleep(SETTLE_S)
            cursors: dict[str, int] = {}
            late_ms = latencies_ms(store, "data", "data:spikes", cursors)
            before = {name: cpu_s([each]) for name, each in programs.items()}
            began_s, began_at = time.monotonic(), len(store["data:spikes"])
            while time.monotonic() < began_s + MEASURE_S:
                time.sleep(0.5)
                late_ms += latencies_ms(store, "data", "data:spikes", cursors)
            elapsed_s = time.monotonic() - began_s
            gained = len(store["data:spikes"]) - began_at
            used = {name: cpu_s([each]) - before[name] for name, each in programs.items()}
    late_ms.sort()
    figures = {"of real time": gained / rate_hz / elapsed_s}
    figures["acquired to spikes p50 ms"] = late_ms[len(late_ms) // 2]
    figures["acquired to spikes p99 ms"] = late_ms[len(late_ms) * 99 // 100]
    return figures | {f"{name}, of a core": s / elapsed_s for name, s in used.items()}


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    return words[words.index("run") + 1] if "run" in words else Path(words[0]).name


def main() -> None:
    cases = CASES
    if sys.argv[1:]:
        cases = [(int(sys.argv[1]), int(sys.argv[2]), "record" in sys.argv[3:])]
    for n_channels, rate_hz, is_recorded in cases:
        print(f"{n_channels} channels at {rate_hz} Hz{', recorded' if is_recorded else ''}")
        try:
            figures = case(n_channels, rate_hz, is_recorded=is_recorded)
        except DeviceError as error:  # the fastest one needs 80 GB of disk to be started
            print(f"    not measured: {error}")
            continue
        for what, value in figures.items():
            print(f"    {value:10.2f}  {what}", flush=True)


if __name__ == "__main__":
    main()
