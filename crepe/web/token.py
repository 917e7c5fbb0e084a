"""The token that clients on other machines must send; an experiment file, which is recorded, never
holds it.
"""

import ipaddress
import os

from crepe.errors import ConfigError

_SHORTEST = 16


def variable(program: str) -> str:
    """Return the environment variable that holds the token of a program."""
    return f"CREPE_{program.upper()}_TOKEN"


def access_token(program: str) -> str:
    """Return the program's token from this process's environment, or an empty text."""
    return os.environ.get(variable(program), "")


def check_token(program: str, host: str) -> str:
    """Return the token that a program which listens on `host` requires; empty if it needs none.

    Raises ConfigError if it needs a token, or a longer one.
    """
    token = access_token(program)
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
    return token


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
