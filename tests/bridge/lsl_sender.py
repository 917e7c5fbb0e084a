"""A process whose `LslOutlet` sends counting samples in real time, from when a receiver is there."""

import sys
import time

import numpy as np

from crepe.actors.actor import ActorContext
from crepe.bridge.lsl_outlet import LslOutlet
from crepe.electrodes.layouts import grid_labels
from crepe.messages import Segment, StreamInfo
from tests.hw.lsl.outlet import counting

RATE_HZ, SCALE_UV, CHUNK = 10_000, 0.5, 100


def main(prefix: str, n_channels: int, seconds: float) -> None:
    """Send for some seconds; end with the input."""
    info = StreamInfo(
        sampling_rate_hz=RATE_HZ,
        labels=grid_labels(n_channels),
        scale_uv=(SCALE_UV,),
        origin_t_ns=time.time_ns(),
        is_simulated=True,
    )
    actor = LslOutlet(prefix=prefix)
    actor.open(ActorContext(inputs={"data": info}, session="s"))
    outlet = actor._outlets["data"]
    while not outlet.wait_for_consumers(0.05):
        pass
    began_s = time.monotonic()
    for start in range(0, round(seconds * RATE_HZ), CHUNK):
        time.sleep(max(0.0, began_s + (start + CHUNK) / RATE_HZ - time.monotonic()))
        samples = counting(start, start + CHUNK, n_channels).astype(np.int16)
        actor.step_from("data", Segment(start, start + CHUNK, samples, time.time_ns()))
    sys.stdin.read()  # the last samples must be fetched before the stream goes


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
