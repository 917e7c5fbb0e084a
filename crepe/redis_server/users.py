"""The users of CREPE's own Redis server, as lines of its ACL file.

Rights belong to a user and not to a connection. So the programs have a user of their own, whose
password is in the run directory; every other client is `default`, which only reads.
"""

# Decision 55: which local user may do what.

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from crepe.environment.secret import kept_secret, read_secret

OWNER = "crepe"
PASSWORD_FILE = "redis-password"
_ACL_FILE = "redis.acl"
_READING = (
    *("xrange", "xrevrange", "xread", "xlen", "xinfo", "hgetall", "type", "ping"),
    *("command", "client|setname"),  # sent by clients when they connect, as HELLO is
)


def acl_lines(
    culture: str,
    password: str,
    machines: Mapping[str, str] = MappingProxyType({}),
    *,
    is_open: bool = False,
) -> str:
    """Return the content of the ACL file.

    Parameters
    ----------
    password
        That of the owner.
    machines
        The passwords of the session's further machines, by name.
    is_open
        The port is open to other machines. `default`, which has no password and only reads, is off
        then.
    """
    from crepe.redis_server.check import rights  # which logs in by this module

    commands = " ".join(f"+{name}" for name in _READING)
    keys = culture.replace("\\", "\\\\")  # the one character of a pattern that a name may hold
    default = "off" if is_open else f"on nopass resetchannels %R~{keys}:* -@all {commands}"
    return "".join(
        (
            f"user {OWNER} on #{_digest(password)} ~* &* +@all\n",
            f"user default {default}\n",
            *(
                f"user {machine_user(name)} on #{_digest(secret)} {rights(keys)}\n"
                for name, secret in machines.items()
            ),
        )
    )


def machine_user(machine: str) -> str:
    """Return the name of the user as which a further machine logs in."""
    return f"machine-{machine}"


def machine_password_file(run_directory: Path, machine: str) -> Path:
    """Return the path of a further machine's password, beside that of the owner."""
    return run_directory / f"machine-{machine}-password"


def write_acl_file(
    run_directory: Path, culture: str, machines: Iterable[str] = (), *, is_open: bool = False
) -> Path:
    """Write the ACL file of a server and return its path; the passwords are in files beside it.

    `machines` and `is_open` are those of `acl_lines`.
    """
    path = run_directory / _ACL_FILE
    part = path.with_name(f".{path.name}.{os.getpid()}")
    password = kept_secret(run_directory / PASSWORD_FILE)
    secrets = {name: kept_secret(machine_password_file(run_directory, name)) for name in machines}
    part.write_text(acl_lines(culture, password, secrets, is_open=is_open), encoding="utf-8")
    part.chmod(0o600)
    part.replace(path)
    return path


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def owners_account(url: str) -> dict[str, str]:
    """Return `username` and `password` for the URL of CREPE's own server; empty for any other.

    The password is in the directory of the server's unix socket, so that no URL needs to hold it.
    """
    parts = urlsplit(url)
    if parts.scheme != "unix" or parts.netloc:
        return {}
    password = read_secret(Path(unquote(parts.path)).with_name(PASSWORD_FILE))
    return {} if password is None else {"username": OWNER, "password": password}
