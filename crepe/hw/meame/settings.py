"""The settings that both halves of the MEAME client share."""

from pydantic import PositiveFloat, field_validator

from crepe.hw.instrument import DeviceSettings
from crepe.hw.meame.http import SIMULATOR, host_and_port


class MeameSettings(DeviceSettings):
    """`meame://simulator` or `meame://HOST:PORT`."""

    location: str = SIMULATOR
    """`simulator` for the experiment's own, or `HOST:PORT` of a MEAME server."""
    wait_s: PositiveFloat = 20.0
    """Longest wait for the simulator to start."""

    @field_validator("location")
    @classmethod
    def _is_a_server(cls, location: str) -> str:
        if location != SIMULATOR:
            host_and_port(location)
        return location
