"""The tokens of the page and of the sensor gateway; an experiment file, which is recorded, never
holds one.
"""

# Decision 55: a token is required on loopback, too.

import ipaddress
from pathlib import Path

from crepe.environment.secret import chosen_secret, kept_secret
from crepe.errors import ConfigError

_SHORTEST = 16


def variable(program: str) -> str:
    """Return the environment variable that holds the token of a program."""
    return f"CREPE_{program.upper()}_TOKEN"


def chosen_token(program: str) -> str:
    """Return the program's token from this process's environment, or an empty text.

    See `chosen_secret`.
    """
    return chosen_secret(variable(program))


def required_token(program: str, run_directory: Path) -> str:
    """Return the token that a program requires: the chosen one, or one that its directory keeps."""
    return chosen_token(program) or kept_secret(run_directory / f"{program}-token")


def check_token(program: str, host: str) -> None:
    """Check the chosen token of a program that listens on `host`.

    Raises ConfigError if other machines need one, since they cannot read the one that is kept, or
    if it is too short.
    """
    token = chosen_token(program)
    if not token and not is_loopback(host):
        raise ConfigError(
            f"[{program}] host {host!r}: others can reach it, so it needs a token in "
            f"{variable(program)} (at least {_SHORTEST} characters); without one only 127.0.0.1 "
            "is allowed"
        )
    if token and len(token) < _SHORTEST:
        raise ConfigError(
            f"{variable(program)}: {len(token)} characters, must have at least {_SHORTEST}"
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
