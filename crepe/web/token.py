"""The secret that those on other machines must know; never in the file, which is recorded."""

import ipaddress
import os

from crepe.errors import ConfigError

_SHORTEST = 16


def variable(program: str) -> str:
    """The environment variable that holds the token of a program."""
    return f"CREPE_{program.upper()}_TOKEN"


def access_token(program: str) -> str:
    """The program's token in this process's environment, or nothing."""
    return os.environ.get(variable(program), "")


def check_token(program: str, host: str) -> str:
    """The token that a program which listens on `host` asks for; nothing if it asks for none.

    Raises ConfigError if it needs a token, or a better one.
    """
    found = access_token(program)
    if not found and not is_loopback(host):
        raise ConfigError(
            f"[{program}] host {host!r}: others can reach it, so it needs a token in "
            f"{variable(program)} (at least {_SHORTEST} characters); without one only 127.0.0.1 "
            "is allowed"
        )
    if found and len(found) < _SHORTEST:
        raise ConfigError(
            f"{variable(program)}: {len(found)} characters, must have at least {_SHORTEST}"
        )
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
