"""The tables of an experiment file other than its actors: one model per table."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from crepe.conditions import Calibration, Conditions
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.store.modus import CULTURE

DASHBOARD = "dashboard"

DASHBOARD_PORT = 8080

SENSOR_PORT = 5000

FRAME_SIDE = 8
"""Rows, and columns, of an AMG8833 (Panasonic Grid-EYE) frame."""


class Table(BaseModel):
    """Part of the file: unknown names, nan and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RedisTable(Table):
    """`[redis]`: the server that CREPE runs."""

    append_only: bool = True  # off: a killed server loses its streams; the recording has them
    maxmemory_mb: int = Field(1024, ge=64)  # streams take half of it
    port: int | None = Field(None, ge=1, le=65535)  # None: 6379, or the next that is free
    keep_s: PositiveFloat = 300.0  # how much of each stream stays readable, if memory allows
    keep_of: dict[str, PositiveFloat] = Field(default_factory=dict)  # of a stream, by name, in s
    keep_bytes_of: dict[str, ByteSize] = Field(default_factory=dict)  # at most; such as "64 MB"

    def keep_of_s(self, stream: str) -> float:
        """Return how many seconds of a stream stay readable."""
        return self.keep_of.get(stream, self.keep_s)


class CultureTable(Table):
    """`[culture]`: the culture in the dish; goes into every recording."""

    id: str = ""
    species: str = ""
    cell_type: str = ""
    plating_date: date | None = None
    mea_serial: str = ""
    medium: str = ""
    experimenter: str = ""
    notes: str = ""
    simulated: SimulatorSettings | None = None

    def flat(self) -> dict[str, str]:
        """Return the fields that are set, as text; a simulated culture has no species."""
        values = self.model_dump(exclude={"simulated"}, exclude_none=True)
        if self.simulated is not None:
            values.pop("species", None)
        return {name: str(value) for name, value in values.items() if value != ""}


class ChainTable(Table):
    """`[chains.NAME]`: actors that share the process NAME and hand messages over in memory."""

    actors: list[str] = Field(min_length=1)


class DashboardTable(Table):
    """`[dashboard]`: the program `dashboard`, the live page."""

    host: str = "127.0.0.1"  # any other needs a token in CREPE_DASHBOARD_TOKEN
    port: int | None = Field(None, ge=1, le=65535)  # None: 8080, or the next that is free
    public_url: str | None = Field(None, pattern=r"^https?://[^/\s]+$")
    """The page's address for other computers, behind a proxy: `https://lab.example.org`."""
    frames_per_s: float = Field(5.0, ge=1, le=20)  # to each browser, at most


class InfraredSettings(Table):
    """`[sensor.infrared]`: the rules that classify a frame of 8 x 8 temperatures.

    The defaults are those of the original experiment, which calls them placeholders: in a room
    warmer than 20 degrees every pixel is a hand.
    """

    rows: tuple[int, int] = (0, 4)  # of the region that is classified, half open
    columns: tuple[int, int] = (4, 8)
    warmer_than_c: float = 20.0  # a warmer pixel belongs to a hand
    least_pixels: Mapping[str, PositiveInt] = Field(
        default={"rock": 3, "scissors": 7, "paper": 14}, min_length=1
    )
    """The least number of such pixels, by gesture; fewer than the smallest are no gesture."""

    @property
    def n_pixels(self) -> int:
        """Number of pixels in the region."""
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


class SensorTable(Table):
    """`[sensor]`: the program `sensor`, the gateway for sensors over HTTP."""

    reads: str = "result:game"  # the stream of results
    host: str = "127.0.0.1"  # any other needs a token in CREPE_SENSOR_TOKEN
    port: int | None = Field(None, ge=1, le=65535)  # None: 5000, or the next that is free
    largest_body_bytes: PositiveInt = 65_536
    requests_per_s: PositiveFloat = 100.0  # from one address, over the last second
    infrared: InfraredSettings = InfraredSettings()


class SimulatedSensorTable(Table):
    """`[simulated_sensor]`: the program of that name, which sends frames to the gateway."""

    frames_per_s: PositiveFloat = 10.0  # as an AMG8833 measures them


class File(Table):
    """The whole file; `actors` are checked one by one, by their classes."""

    title: str = ""
    name: str = CULTURE
    seed: int = Field(0, ge=0)
    directory: str | None = None
    """Directory from which modules of actors are imported; None: that of the file. Copies of an
    experiment that `crepe play` and others save have it."""
    redis: RedisTable = RedisTable()
    culture: CultureTable = CultureTable()
    dashboard: DashboardTable | None = None
    sensor: SensorTable | None = None
    simulated_sensor: SimulatedSensorTable | None = None
    calibration: Calibration | None = None
    conditions: Conditions | None = None
    actors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    chains: dict[str, ChainTable] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _is_a_key(cls, name: str) -> str:
        # Every key in Redis begins with it, and keys are found by glob patterns.
        if not name or any(letter.isspace() or letter in "*?[]" for letter in name):
            raise ValueError("must be a word without spaces, *, ? or []")
        return name
