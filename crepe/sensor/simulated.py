"""A simulated sensor in the gateway's process: it posts frames of one gesture after the other."""

# Decision 115: why it has no program of its own.

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np

from crepe.config.tables import InfraredSettings, SensorTable, SimulatedSensorTable
from crepe.errors import DeviceError
from crepe.sensor.client import GatewayClient
from crepe.sensor.frames import Frame
from crepe.sensor.hand_frames import frames
from crepe.sensor.input_tracker import State
from crepe.sensor.send import line, send_frames

log = logging.getLogger(__name__)

_PAUSE_S = 0.5


def nth_gesture(n: int, settings: InfraredSettings, seed: int) -> Iterator[Frame]:
    """Yield frames of the n-th gesture, counted from 1; it follows from the seed."""
    rng = np.random.default_rng([seed, n])
    return frames(str(rng.choice(sorted(settings.least_pixels))), settings, rng)


def start(
    table: SimulatedSensorTable, sensor: SensorTable, seed: int, url: str, token: str
) -> None:
    """Play gestures at the gateway with this URL, on a thread that ends with the process."""

    def run() -> None:
        with closing(GatewayClient(url, token)) as gateway:
            play(gateway, table, sensor.infrared, seed)

    threading.Thread(target=run, name="simulated sensor", daemon=True).start()


def play(
    gateway: GatewayClient,
    table: SimulatedSensorTable,
    settings: InfraredSettings,
    seed: int,
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Show one gesture after the other until the game is over."""
    n = 1
    while True:
        try:
            seen = nth_gesture(n, settings, seed)
            answer = send_frames(gateway, seen, table.frames_per_s, sleep=sleep)
        except DeviceError as error:  # the streams are away, or the gateway ends
            log.info("%s", error)
            sleep(_PAUSE_S)
            continue
        if answer is None:
            continue
        log.info("%s", line(answer))
        if answer.state is State.OVER:
            return
        n += answer.state is State.RESULT  # else the same gesture is sent again
