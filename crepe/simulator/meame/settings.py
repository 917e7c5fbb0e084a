"""The `[culture.simulated]` table."""

from enum import StrEnum

from pydantic import Field, PositiveFloat, PositiveInt

from crepe.culture.settings import CultureSettings
from crepe.simulator.meame.quirks import Quirk


class Firmware(StrEnum):
    """Firmware of the DSP: the public one of 2018, or the lab's of 2019 as its clients use it."""

    PUBLIC = "public-2018"
    LAB = "lab-2019"


class SimulatorSettings(CultureSettings):
    """The simulated culture and the server in front of it."""

    sampling_rate_hz: PositiveInt = 10_000  # until a client requests another
    scale_uv: PositiveFloat = 0.059605  # per count: 2^-24 V, as MCS headstages give
    impedance_kohm: PositiveFloat = 30.0  # turns a voltage pulse into a current; TiN has 30 to 50
    firmware: Firmware = Firmware.LAB
    quirks: frozenset[Quirk] = frozenset()  # oddities of MEAME; see crepe/simulator/meame/quirks.py

    lockstep_s: PositiveFloat | None = None
    """Longest lag of stimuli behind the samples where time advances as fast as it can; None: real
    time. No game's `delay_s` may be shorter."""

    host: str = "127.0.0.1"
    http_port: int = Field(8888, ge=0, le=65535)
    data_port: int = Field(12340, ge=0, le=65535)
    sawtooth_port: int = Field(12341, ge=0, le=65535)

    def is_fixed(self, port: str) -> bool:
        """Return whether a port was set, so that it must not move; others move to a free port."""
        return f"{port}_port" in self.model_fields_set
