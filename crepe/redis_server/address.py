"""The URL of a Redis server, and what of it may be shown.

Nothing is shown that could be a part of a password. A URL in which it is uncertain where user and
password end is refused: redis-py would take a part of the password for the host, look it up at a
name server, and have it in its message.
"""

import os
import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from crepe.environment.secret import chosen_secret
from crepe.errors import StoreError

_SCHEMES = ("redis", "rediss", "unix")
_PERCENT_CODES = (
    "in user and password, write special characters as % codes: "
    "%25 for %, %40 for @, %3A for :, %2F for /, %3F for ?, %23 for #, %5B for [, %5D for ]"
)


class _Address(NamedTuple):
    shown: str  # the URL without user, password and options
    problem: str = ""


def chosen_url() -> str:
    """Return the URL in CREPE_REDIS, with the password of CREPE_REDIS_PASSWORD; empty without one.

    See `chosen_secret`. Raises StoreError for a URL that cannot be read, and for one that cannot
    take the password.
    """
    url = os.environ.get("CREPE_REDIS", "")
    password = chosen_secret("CREPE_REDIS_PASSWORD") if url else ""
    if url:
        check_address(url, "CREPE_REDIS")
    if not password:
        return url
    parts = urlsplit(url)
    if parts.scheme == "unix" or parts.password is not None or "password=" in parts.query:
        raise StoreError(
            f"CREPE_REDIS: {without_password(url)}: CREPE_REDIS_PASSWORD needs a URL of "
            "redis:// or rediss:// without a password"
        )
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def nodes_of(url: str) -> list[str]:
    """Return the URL of each node of a cluster that `redis://USER@HOST:PORT,HOST:PORT` names.

    Of any other URL that is the URL itself.
    """
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


def without_password(url: str) -> str:
    """Return a server's URL without user, password and options, as it may be shown.

    Of a URL that cannot be read, that is at most its scheme.
    """
    return _read(url).shown


def check_address(url: str, place: str = "Redis URL") -> None:
    """Raise StoreError for a URL that cannot be read; the text shows no part of a password."""
    address = _read(url)
    if address.problem:
        raise StoreError(f"{place}: {address.shown}: {address.problem}")


def without_arguments(text: str) -> str:
    """Return an error of the server without a command's arguments, which it repeats.

    Those of an AUTH that it does not have are user and password.
    """
    return text.partition(", with args beginning with")[0]


def _read(url: str) -> _Address:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        allowed = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        return _Address("a URL of another kind", f"must begin with {allowed}")
    hidden = f"{scheme}://..."
    if "#" in rest:
        return _Address(hidden, f"a URL ends at '#'; {_PERCENT_CODES}")
    try:
        parts = urlsplit(url)
        nodes = [urlsplit(node) for node in nodes_of(url)]
        _ = [node.port for node in nodes]  # raises ValueError for one that is no number
    except ValueError:  # whose text has parts of the URL
        return _Address(hidden, f"cannot be read; {_PERCENT_CODES}")
    _, at, host = parts.netloc.rpartition("@")
    is_socket = scheme == "unix"
    if is_socket and host:
        return _Address(hidden, f"the path of the socket must follow as unix:///; {_PERCENT_CODES}")
    # A later @ may end the password, so that what stands before it may be a part of that.
    is_cut = "@" in rest[len(parts.netloc) :] and bool(at or not is_socket)
    if is_cut or not (is_socket or all(node.hostname for node in nodes)):
        return _Address(hidden, f"it is uncertain where user and password end; {_PERCENT_CODES}")
    database = parts.path if re.fullmatch(r"/\d*", parts.path) else ""
    return _Address(f"{scheme}://{host}{parts.path if is_socket else database}")
