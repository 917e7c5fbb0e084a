"""The program `simulated_sensor`, which posts frames of one gesture after the other."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from crepe.config.tables import InfraredSettings, SensorTable, SimulatedSensorTable
from crepe.environment.process import is_orphan
from crepe.errors import DeviceError
from crepe.sensor.client import GatewayClient, find_gateway
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


def run(table: SimulatedSensorTable, sensor: SensorTable, seed: int) -> None:
    """Play gestures until the process is stopped, or supervisord is gone."""
    n = 1
    while True:
        try:
            with closing(GatewayClient(*find_gateway())) as gateway:
                seen = nth_gesture(n, sensor.infrared, seed)
                answer = send_frames(gateway, seen, table.frames_per_s, sleep=_sleep)
                if answer is None:
                    continue
                log.info("%s", line(answer))
                n += answer.state is State.RESULT  # else the same gesture is sent again
                # Ends with a DeviceError, once the gateway is gone or a new one lacks this number.
                while answer.state is State.OVER:
                    _sleep(_PAUSE_S)
                    answer = gateway.state_of(answer.number)
        except DeviceError as error:  # the gateway has not started yet, or is being restarted
            log.info("%s", error)
            _sleep(_PAUSE_S)


def _sleep(seconds: float) -> None:
    """Sleep, then end the program if supervisord is gone."""
    time.sleep(seconds)
    if is_orphan():
        log.info("supervisord is gone")
        sys.exit(0)
