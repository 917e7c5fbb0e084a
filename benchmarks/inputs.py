"""Live inputs in real time, 60 channels at 10 kHz: what is lost, and how late segments come.

`python -m benchmarks.inputs [SECONDS]`: LSL, then the simulated Open Ephys, ten minutes each unless
stated. The sender is a process of its own. A segment's delay is that beyond the least of the run.
"""

import multiprocessing
import sys
import time
from multiprocessing.connection import Connection

import numpy as np

from crepe.hw.device import open_recorder
from crepe.simulator.openephys.publisher import Publisher, PublisherSettings
from tests.hw.lsl.loopback import receive

N_CHANNELS, RATE_HZ = 60, 10_000.0


def _publish(pipe: Connection) -> None:
    settings = PublisherSettings(
        n_channels=N_CHANNELS, sampling_rate_hz=RATE_HZ, block_samples=(100,)
    )
    publisher = Publisher(settings)
    publisher.start()
    pipe.send(publisher.port)
    pipe.recv()
    publisher.close()


def open_ephys(seconds: float) -> dict[str, float]:
    """Return losses and delays of the ZMQ interface's messages, in blocks of 10 ms."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_publish, args=(theirs,))
    process.start()
    recorder = open_recorder(f"openephys://127.0.0.1:{ours.recv()}")
    recorder.open(0)
    position = n_missing = n_samples = 0
    late_s = []
    while n_samples < seconds * RATE_HZ:
        segment = recorder.read(5.0)
        if segment is None:
            continue
        late_s.append(time.time() - segment.stop / RATE_HZ)
        n_missing += segment.start - position
        position = segment.stop
        n_samples += segment.stop - segment.start
    recorder.close()
    ours.send(None)
    process.join()
    delay_ms = 1000 * (np.array(late_s) - min(late_s))
    return {
        "samples": n_samples,
        "samples missing": n_missing,
        "ms delay, median": float(np.median(delay_ms)),
        "ms delay, 99 %": float(np.percentile(delay_ms, 99)),
        "ms delay, most": float(delay_ms.max()),
    }


def lsl(seconds: float) -> dict[str, float]:
    """Return losses and delays of a stream of LSL, in chunks of 10 ms."""
    received = receive(N_CHANNELS, RATE_HZ, seconds)
    return {
        "samples": received.n_samples,
        "samples lost, doubled or mixed": received.n_wrong,
        "gaps": received.n_gaps,
        "ms delay, median": received.delays_ms[0],
        "ms delay, 99 %": received.delays_ms[1],
        "ms delay, most": received.delays_ms[2],
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    for name, run in {"LSL": lsl, "Open Ephys, simulated": open_ephys}.items():
        print(name)
        for what, value in run(seconds).items():
            print(f"    {value:12.2f}  {what}")


if __name__ == "__main__":
    main()
