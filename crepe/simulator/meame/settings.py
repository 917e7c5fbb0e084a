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

    sampling_rate_hz: PositiveInt = 10_000
    """Sampling rate until a client requests another."""
    scale_uv: PositiveFloat = 0.059605
    """Microvolts per count: 2^-24 V, as MCS headstages give."""
    impedance_kohm: PositiveFloat = 30.0
    """Impedance that turns a voltage pulse into a current; TiN has 30 to 50."""
    firmware: Firmware = Firmware.LAB
    """Firmware of the simulated DSP: the public one, or the lab's."""
    quirks: frozenset[Quirk] = frozenset()
    """Oddities of MEAME and its device to simulate."""

    lockstep_s: PositiveFloat | None = None
    """Longest lag of stimuli behind the samples where time advances as fast as it can; by
    default it is real time. No game's `delay_s` may be shorter, and three segments of the
    instrument may not be longer."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    http_port: int = Field(8888, ge=0, le=65535)
    """TCP port of the HTTP interface; unless it is set, the next free one is used."""
    data_port: int = Field(12340, ge=0, le=65535)
    """TCP port of the samples; unless it is set, the next free one is used."""
    sawtooth_port: int = Field(12341, ge=0, le=65535)
    """TCP port of a sawtooth, for tests; unless it is set, the next free one is used."""

    def is_fixed(self, port: str) -> bool:
        """Return whether a port was set, so that it must not move; others move to a free port."""
        return f"{port}_port" in self.model_fields_set
