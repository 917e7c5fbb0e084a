"""The `[culture.simulated]` table."""

from enum import StrEnum

from pydantic import Field, PositiveFloat, PositiveInt

from crepe.culture.settings import CultureSettings
from crepe.simulator.meame.quirks import Quirk


class Firmware(StrEnum):
    """Of the DSP: the public one of 2018, or the lab's of 2019 as its clients know it."""

    PUBLIC = "public-2018"
    LAB = "lab-2019"


class SimulatorSettings(CultureSettings):
    """The simulated culture and the server in front of it."""

    sampling_rate_hz: PositiveInt = 10_000  # until a client asks for another
    scale_uv: PositiveFloat = 0.059605  # per count: 2^-24 V, as MCS headstages give
    impedance_kohm: PositiveFloat = 30.0  # turns a voltage pulse into a current; TiN has 30 to 50
    firmware: Firmware = Firmware.LAB
    quirks: frozenset[Quirk] = frozenset()  # oddities of MEAME; see crepe/simulator/meame/quirks.py

    lockstep_s: PositiveFloat | None = None
    """Time goes as fast as it can and waits, so that who asks for stimuli is never more than this
    behind; no game's `delay_s` may be shorter. None: real time."""

    host: str = "127.0.0.1"
    http_port: int = Field(8888, ge=0, le=65535)
    data_port: int = Field(12340, ge=0, le=65535)
    sawtooth_port: int = Field(12341, ge=0, le=65535)

    def is_fixed(self, port: str) -> bool:
        """Whether a port was asked for, so that it must not move; where another is taken the next
        free one serves."""
        return f"{port}_port" in self.model_fields_set
