"""The `[sensor]` and `[hand]` tables."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

USUAL_PORT = 5000

FRAME_SIDE = 8
"""Rows, and columns, of an AMG8833 (Panasonic Grid-EYE) frame."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InfraredSettings(_Table):
    """`[sensor.infrared]`: what a frame of 8 x 8 temperatures is classified by.

    The defaults are those of the original experiment, which calls them placeholders: in a room
    warmer than 20 degrees every pixel is a hand.
    """

    rows: tuple[int, int] = (0, 4)  # of the region that is looked at, half open
    columns: tuple[int, int] = (4, 8)
    warmer_than_c: float = 20.0  # what a pixel must be to belong to a hand
    least_pixels: Mapping[str, PositiveInt] = Field(
        default={"rock": 3, "scissors": 7, "paper": 14}, min_length=1
    )
    """By gesture, how many such pixels it has at least; fewer than all of them are no gesture."""

    @property
    def n_pixels(self) -> int:
        """How many pixels the region has."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, (start, stop) in {"rows": self.rows, "columns": self.columns}.items():
            if not 0 <= start < stop <= FRAME_SIDE:
                raise ValueError(f"{name} {start} to {stop}, must be within 0 to {FRAME_SIDE}")
        least = list(self.least_pixels.values())
        if len(set(least)) < len(least) or max(least) > self.n_pixels:
            raise ValueError(f"least_pixels {least}, must differ and be at most {self.n_pixels}")
        return self


class SensorTable(_Table):
    """`[sensor]`: the program `sensor`, the door through which sensors come in over HTTP."""

    reads: str = "result:game"  # where the results are
    host: str = "127.0.0.1"  # any other needs a token in CREPE_SENSOR_TOKEN
    port: int | None = Field(None, ge=1, le=65535)  # None: 5000, or the next that is free
    largest_body_bytes: PositiveInt = 65_536
    requests_per_s: PositiveFloat = 100.0  # from one address, over the last second
    infrared: InfraredSettings = InfraredSettings()


class HandTable(_Table):
    """`[hand]`: the program `hand`, which shows a simulated sensor's frames to the door."""

    frames_per_s: PositiveFloat = 10.0  # as an AMG8833 makes them
