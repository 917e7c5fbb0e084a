"""A frame of an infrared sensor: read from JSON, and classified as a gesture."""

import json
import math
from typing import Any, NoReturn

import numpy as np

from crepe.config.tables import FRAME_SIDE, InfraredSettings

Frame = tuple[tuple[float, ...], ...]  # (8, 8), degrees Celsius, row by row


class FrameError(ValueError):
    """A body that is no frame; the text gives place, found and allowed."""


def parse(body: bytes) -> Frame:
    """Return the frame in a JSON text, 8 lists of 8 finite numbers. Raises FrameError."""
    try:
        # By default Python's JSON accepts NaN and Infinity.
        value = json.loads(body, parse_constant=_no_number)
    # FrameError is a ValueError, but its text is complete.
    except FrameError:
        raise
    except RecursionError as error:
        raise FrameError("body: lists too deep, must be a list of 8 lists") from error
    except ValueError as error:
        raise FrameError(f"body: not JSON: {error}") from error
    rows = _list_of_8(value, "frame")
    return tuple(
        tuple(
            _temperature(value, f"row {r}, column {c}")
            for c, value in enumerate(_list_of_8(row, f"row {r}"))
        )
        for r, row in enumerate(rows)
    )


def n_warm(frame: Frame, settings: InfraredSettings) -> int:
    """Return how many pixels of the region are warm enough for a hand."""
    region = np.array(frame)[slice(*settings.rows), slice(*settings.columns)]
    return int((region > settings.warmer_than_c).sum())


def classify(frame: Frame, settings: InfraredSettings) -> str | None:
    """Return the gesture with the largest area that the warm pixels cover, or None.

    Counting pixels is the method of the original experiment (ir_preprocessor of NTNU's SSP).
    """
    n = n_warm(frame, settings)
    fits = {least: gesture for gesture, least in settings.least_pixels.items() if least <= n}
    return fits[max(fits)] if fits else None


def _list_of_8(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise FrameError(f"{place}: {_kind(value)}, must be a list")
    if len(value) != FRAME_SIDE:
        raise FrameError(f"{place}: a list of {len(value)}, must be of {FRAME_SIDE}")
    return value


def _temperature(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):  # True is an int, too
        raise FrameError(f"{place}: {_kind(value)}, must be a number")
    try:
        celsius = float(value)
    except OverflowError:
        celsius = math.inf
    if not math.isfinite(celsius):
        raise FrameError(f"{place}: too large, must be a temperature in degrees Celsius")
    return celsius


def _no_number(name: str) -> NoReturn:
    raise FrameError(f"body: {name} is no temperature")


def _kind(value: Any) -> str:
    """Return the name of a JSON value's type."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value"}
    return names.get(type(value), "null" if value is None else "a number")
