"""The loopback: a process that sends in real time, and a recorder that receives in this one."""

import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crepe.errors import DeviceError
from crepe.hw.device import open_recorder
from tests.hw.lsl.outlet import counting, lsl

ROOT = Path(__file__).parents[3]


class Received(NamedTuple):
    """The samples of a loopback, and what was wrong with them."""

    n_samples: int
    n_wrong: int  # samples that are not those of their index: lost, doubled or mixed
    n_gaps: int
    problem: str
    delays_ms: tuple[float, float, float]  # median, 99 % and most, beyond the least


def receive(n_channels: int, rate_hz: float, seconds: float) -> Received:
    """Send and receive for some seconds."""
    lsl()
    name = f"loopback-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "tests.hw.lsl.outlet", name]
    arguments = [str(n_channels), str(rate_hz), str(seconds)]
    sender = subprocess.Popen([*command, *arguments], cwd=ROOT, stdin=subprocess.PIPE)
    recorder = open_recorder(f"lsl://{name}?wait_s=30&silence_s=3")
    n_samples = n_wrong = n_gaps = position = 0
    late_s = []
    try:
        recorder.open(0)
        while n_samples < round(seconds * rate_hz):
            segment = recorder.read(1.0)
            if segment is None:
                continue
            at_s = time.time()
            n_gaps += segment.start != position
            position = segment.stop
            n_samples += segment.stop - segment.start
            true = counting(segment.start, segment.stop, n_channels)
            n_wrong += int(np.any(segment.samples != true, axis=0).sum())
            late_s.append(at_s - segment.stop / rate_hz)
    except DeviceError as error:
        return Received(n_samples, n_wrong, n_gaps, str(error), (0.0, 0.0, 0.0))
    finally:
        problem = recorder.problem
        recorder.close()
        sender.kill()
        sender.communicate()
    delays_ms = 1000 * (np.array(late_s) - min(late_s))
    median, rare, most = np.percentile(delays_ms, (50, 99, 100)).tolist()
    return Received(n_samples, n_wrong, n_gaps, problem, (median, rare, most))
