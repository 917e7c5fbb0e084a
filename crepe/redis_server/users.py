"""The users of CREPE's own Redis server, as lines of its ACL file.

Rights belong to a user and not to a connection. So the programs have a user of their own, whose
password is in the run directory; every other client is `default`, which only reads.
"""

# Decision 55: which local user may do what.

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from crepe.environment.secret import kept_secret, read_secret

OWNER = "crepe"
PASSWORD_FILE = "redis-password"
_ACL_FILE = "redis.acl"
_READING = (
    *("xrange", "xrevrange", "xread", "xlen", "xinfo", "hgetall", "type", "ping"),
    *("command", "client|setname"),  # sent by clients when they connect, as HELLO is
)


def acl_lines(culture: str, password: str) -> str:
    """Return the content of the ACL file: the owner, and a `default` that only reads."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    commands = " ".join(f"+{name}" for name in _READING)
    keys = culture.replace("\\", "\\\\")  # the one character of a pattern that a name may hold
    return (
        f"user {OWNER} on #{digest} ~* &* +@all\n"
        f"user default on nopass resetchannels %R~{keys}:* -@all {commands}\n"
    )


def write_acl_file(run_directory: Path, culture: str) -> Path:
    """Write the ACL file of a server and return its path; the password itself is not in it."""
    path = run_directory / _ACL_FILE
    part = path.with_name(f".{path.name}.{os.getpid()}")
    password = kept_secret(run_directory / PASSWORD_FILE)
    part.write_text(acl_lines(culture, password), encoding="utf-8")
    part.chmod(0o600)
    part.replace(path)
    return path


def owners_account(url: str) -> dict[str, str]:
    """Return `username` and `password` for the URL of CREPE's own server; empty for any other.

    The password is in the directory of the server's unix socket, so that no URL needs to hold it.
    """
    parts = urlsplit(url)
    if parts.scheme != "unix" or parts.netloc:
        return {}
    password = read_secret(Path(unquote(parts.path)).with_name(PASSWORD_FILE))
    return {} if password is None else {"username": OWNER, "password": password}
