"""The secret that sensors on other machines must know; never in the file, which is recorded."""

import ipaddress
import os

from crepe.errors import ConfigError
from crepe.sensor.settings import SensorTable

TOKEN_VARIABLE = "CREPE_SENSOR_TOKEN"

_SHORTEST = 16


def token() -> str:
    """The token in this process's environment, or nothing."""
    return os.environ.get(TOKEN_VARIABLE, "")


def check_token(table: SensorTable) -> str:
    """The token that a door asks for; nothing if it asks for none.

    Raises ConfigError if the door needs a token, or a better one.
    """
    found = token()
    if not found and not _is_loopback(table.host):
        raise ConfigError(
            f"[sensor] host {table.host!r}: others can reach it, so it needs a token in "
            f"{TOKEN_VARIABLE} (at least {_SHORTEST} characters); without one only 127.0.0.1 "
            "is allowed"
        )
    if found and len(found) < _SHORTEST:
        raise ConfigError(
            f"{TOKEN_VARIABLE}: {len(found)} characters, must have at least {_SHORTEST}"
        )
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
