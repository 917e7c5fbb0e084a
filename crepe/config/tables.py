"""What an experiment file may say, but for its actors: one model per table."""

from datetime import date
from typing import Any

from pydantic import BaseModel, ByteSize, ConfigDict, Field, PositiveFloat, field_validator

from crepe.conditions import Calibration, Conditions
from crepe.dashboard_settings import DashboardTable
from crepe.sensor.settings import HandTable, SensorTable
from crepe.simulator.settings import SimulatorSettings
from crepe.store.modus import CULTURE


class Table(BaseModel):
    """Part of the file: no name that is not known, no number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RedisTable(Table):
    """`[redis]`: the server that CREPE runs."""

    append_only: bool = True  # off: a killed server forgets its streams; the recording has them
    maxmemory_mb: int = Field(1024, ge=64)  # streams take half of it
    port: int | None = Field(None, ge=1, le=65535)  # None: 6379, or the next that is free
    keep_s: PositiveFloat = 300.0  # how much of each stream stays readable, if memory allows
    keep_of: dict[str, PositiveFloat] = Field(default_factory=dict)  # of a stream, by name, in s
    keep_bytes_of: dict[str, ByteSize] = Field(default_factory=dict)  # at most; such as "64 MB"

    def keep_of_s(self, stream: str) -> float:
        """How much of a stream stays readable."""
        return self.keep_of.get(stream, self.keep_s)


class CultureTable(Table):
    """`[culture]`: what is in the dish; goes into every recording."""

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
        """What is said of the culture, as text; a simulated one has no species."""
        said = self.model_dump(exclude={"simulated"}, exclude_none=True)
        if self.simulated is not None:
            said.pop("species", None)
        return {name: str(value) for name, value in said.items() if value != ""}


class ChainTable(Table):
    """`[chains.NAME]`: actors that share the process NAME and hand messages over in memory."""

    actors: list[str] = Field(min_length=1)


class File(Table):
    """The whole file; `actors` are checked one by one, by their classes."""

    title: str = ""
    name: str = CULTURE
    seed: int = Field(0, ge=0)
    redis: RedisTable = RedisTable()
    culture: CultureTable = CultureTable()
    dashboard: DashboardTable | None = None
    sensor: SensorTable | None = None
    hand: HandTable | None = None
    calibration: Calibration | None = None
    conditions: Conditions | None = None
    actors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    chains: dict[str, ChainTable] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _is_a_key(cls, name: str) -> str:
        if not name or any(letter.isspace() or letter in "*?[]" for letter in name):
            raise ValueError("must be a word without spaces, *, ? or []")
        return name
