"""Frames of a simulated AMG8833: a warm hand in front of a cool wall, or the wall alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from crepe.config.tables import FRAME_SIDE, InfraredSettings
from crepe.errors import DeviceError
from crepe.sensor.frames import Frame, FrameError, parse

NO_HAND = "none"

STEP_C = 0.25  # resolution of an AMG8833 (data sheet)
_HAND_C, _WALL_C, _NOISE_C = 10.0, 3.0, 0.4  # above and below the limit, and around; chosen


def frames(gesture: str, settings: InfraredSettings, rng: np.random.Generator) -> Iterator[Frame]:
    """Yield frames of a gesture (or `none`) without end: a still hand, in a sensor's noise.

    The warm pixels are those nearest to a point in the region, as many as the gesture may have.
    """
    warm = np.zeros((FRAME_SIDE, FRAME_SIDE), bool)
    if gesture != NO_HAND:
        warm |= _hand(gesture, settings, rng)
    mean_c = np.where(warm, _HAND_C, -_WALL_C) + settings.warmer_than_c
    while True:
        # Clipped, since noise that carries a pixel over the limit would change the gesture.
        measured = rng.normal(mean_c, _NOISE_C).clip(mean_c - _WALL_C / 2, mean_c + _WALL_C / 2)
        steps = np.round(measured / STEP_C) * STEP_C
        yield tuple(tuple(float(value) for value in row) for row in steps)


def _hand(
    gesture: str, settings: InfraredSettings, rng: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    # at least as many as the gesture needs, and fewer than make the next larger gesture
    least = settings.least_pixels[gesture]
    larger = [n for n in settings.least_pixels.values() if n > least]
    n_warm = int(rng.integers(least, min(larger, default=settings.n_pixels + 1)))
    rows, columns = np.mgrid[slice(*settings.rows), slice(*settings.columns)]
    row, column = rng.uniform((rows[0, 0], columns[0, 0]), (rows[-1, -1], columns[-1, -1]))
    nearest = np.argsort((rows - row) ** 2 + (columns - column) ** 2, axis=None)[:n_warm]
    warm = np.zeros((FRAME_SIDE, FRAME_SIDE), bool)
    warm[rows.flat[nearest], columns.flat[nearest]] = True
    return warm


def recorded(path: Path) -> list[Frame]:
    """Return the frames of a file with one frame as JSON on each line. Raises DeviceError."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DeviceError(f"{path}: cannot be read: {error.strerror}") from error
    read = []
    for number, line in enumerate(lines, 1):
        try:
            read.append(parse(line))
        except FrameError as error:
            raise DeviceError(f"{path}, line {number}: {error}") from error
    if not read:
        raise DeviceError(f"{path}: empty, must have a frame on each line")
    return read


def as_json(frame: Frame) -> bytes:
    """Return a frame as sensors send it."""
    return json.dumps(frame).encode()
