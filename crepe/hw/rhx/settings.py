"""The settings that both halves of an `rhx://` device share, and the address behind them."""

import time
from pathlib import Path
from typing import NamedTuple

from pydantic import PositiveFloat, field_validator

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.instrument import DeviceSettings

SIMULATOR = "simulator"
SIMULATOR_FILE = "rhx-simulator.json"
COMMAND_PORT = 5000
_POLL_S = 0.05


class RhxSettings(DeviceSettings):
    """`rhx://HOST`, `rhx://HOST:PORT` or `rhx://simulator`."""

    location: str = SIMULATOR
    """`simulator` for the one that runs in this run directory, or `HOST[:PORT]` of RHX, whose
    command port is 5000."""
    sampling_rate_hz: PositiveFloat = 20_000.0
    """Sampling rate with which RHX was started; another one is refused."""
    wait_s: PositiveFloat = 20.0
    """Longest wait for the program `rhx`, and for the operator's click in RHX."""

    @field_validator("location")
    @classmethod
    def _is_an_address(cls, location: str) -> str:
        if location != SIMULATOR:
            host_and_port(location)
        return location


class Place(NamedTuple):
    """The address of an RHX program."""

    host: str
    port: int
    nonce: str = ""  # of our own simulator, which can prove that it is one


def host_and_port(location: str) -> tuple[str, int]:
    """Return host and command port. Raises ValueError."""
    host, colon, port = location.rpartition(":")
    if not colon or (location.count(":") > 1 and not location.startswith("[")):
        host, port = location, str(COMMAND_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{location!r}, must be HOST or HOST:PORT, or simulator")
    return host.strip("[]"), int(port)


def find_place(location: str, run_directory: Path, wait_s: float = 0.0) -> Place:
    """Return the RHX of a device URL. Raises DeviceError if the simulator has not started."""
    path = run_directory / SIMULATOR_FILE
    if location != SIMULATOR:
        host, port = host_and_port(location)
        simulator = paths.read_json(path) or {}
        # Only a candidate: it must prove that it knows the nonce.
        return Place(host, port, simulator["nonce"] if simulator.get("port") == port else "")
    deadline_s = time.monotonic() + wait_s
    while (content := paths.read_json(path)) is None:
        if time.monotonic() >= deadline_s:
            raise DeviceError(f"{path}: no simulated RHX runs here; start `crepe simulate rhx`")
        time.sleep(_POLL_S)
    return Place(content["host"], content["port"], content["nonce"])
