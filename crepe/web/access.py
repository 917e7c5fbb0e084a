"""Rules of access over HTTP: host names, origins, tokens, signed cookies, and limits by address."""

import hmac
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from crepe.web.token import is_loopback

R = TypeVar("R", bound=str)
_ADDRESSES_KEPT = 1000
_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d+)?$")  # of a Host header, without the port


def is_same(value: str, secret: str) -> bool:
    """Return whether they are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(value.encode(), secret.encode())


def has_bearer_token(headers: Headers, token: str) -> bool:
    """Return whether the header is `Authorization: Bearer TOKEN`, with this token."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    is_token = is_same(value.strip(), token)
    return kind.lower() == "bearer" and is_token


def is_json(headers: Headers) -> bool:
    """Return whether a request declares JSON, which a form of another site cannot."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def address_of(scope: Scope) -> str:
    """Return the client's address; empty if the server does not know it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class HostNames:
    """The names by which a server may be called.

    A browser that follows a foreign name to this address (DNS rebinding) sends that name as Host.

    Parameters
    ----------
    host
        The address that the server listens on.
    public_url
        Where users find it behind a proxy.
    """

    def __init__(self, host: str, public_url: str | None = None) -> None:
        self._names = {"127.0.0.1", "localhost", "[::1]", _bracketed(host).lower()}
        self.public = urlsplit(public_url or "")
        if self.public.hostname:
            self._names.add(_bracketed(self.public.hostname))
        self._is_on_all_addresses = host in ("0.0.0.0", "::")
        if not is_loopback(host):
            full = socket.getfqdn().lower()
            self._names |= {full, full.partition(".")[0], socket.gethostname().lower()}

    def allow(self, host: str) -> bool:
        """Return whether a Host header names this server; its port may be that of a tunnel."""
        match = _NAME.match(host.lower())
        if match is None:
            return False
        name = match[1]
        # Any address will do, since only names can be pointed here by a foreign DNS.
        return name in self._names or (self._is_on_all_addresses and _is_address(name))

    def is_own_origin(self, headers: Headers) -> bool:
        """Return whether a request comes from a page of this server."""
        try:
            origin = urlsplit(headers.get("origin", ""))
        except ValueError:  # such as `http://[`
            return False
        # A proxy may send its own Host; the Origin of the browser is the public URL all the same.
        own = {headers.get("host", "").lower(), self.public.netloc.lower()} - {""}
        return origin.scheme in ("http", "https") and origin.netloc.lower() in own


class SignedCookie:
    """A cookie that holds a role, with an HMAC by a key that follows from a token.

    So it outlives a restart of the server, and ends when the token changes.

    Its name holds the port, since the servers on one machine share their cookies.
    """

    def __init__(self, prefix: str, port: int, token: str) -> None:
        self.name = f"{prefix}_{port}"
        self._key = hmac.digest(token.encode(), prefix.encode(), "sha256")

    def value(self, role: str) -> str:
        """Return the cookie's value for a role."""
        return f"{role}.{hmac.digest(self._key, role.encode(), 'sha256').hex()}"

    def role_in(self, headers: Headers, roles: Iterable[R]) -> R | None:
        """Return the role that a request's cookie holds; None without a valid cookie."""
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return None
        value = cookies[self.name].value if self.name in cookies else ""
        return next((role for role in roles if is_same(value, self.value(role))), None)


class Rate:
    """A limit on the requests of each address per second, and on as many at once."""

    def __init__(self, per_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        # A request takes 1, so a limit below one per second would otherwise allow none.
        self._most = max(1.0, per_s)
        self._monotonic_s = monotonic_s
        self._left: dict[str, tuple[float, float]] = {}  # by address: requests, and when

    def allows(self, address: str) -> bool:
        """Count a request, and return whether it is within the limit."""
        now_s = self._monotonic_s()
        left, then_s = self._left.pop(address, (self._most, now_s))
        left = min(self._most, left + (now_s - then_s) * self._per_s)
        is_allowed = left >= 1
        self._left[address] = (left - is_allowed, now_s)  # a refused request costs nothing
        _drop_oldest(self._left)
        return is_allowed


class Attempts:
    """The wrong tokens of each address over the last seconds."""

    def __init__(self, most: int, within_s: float) -> None:
        self._most = most
        self._within_s = within_s
        self._failed_s: dict[str, list[float]] = {}  # by address: when, on the monotonic clock

    def are_left(self, address: str) -> bool:
        """Return whether the address may try another token."""
        return len(self._recent(address)) < self._most

    def add_failure(self, address: str) -> None:
        """Count a wrong token."""
        failed_s = [*self._recent(address), time.monotonic()]
        self._failed_s.pop(address, None)  # the newest stands last
        self._failed_s[address] = failed_s
        _drop_oldest(self._failed_s)

    def _recent(self, address: str) -> list[float]:
        now_s = time.monotonic()
        return [at_s for at_s in self._failed_s.get(address, []) if now_s - at_s < self._within_s]


def _drop_oldest(by_address: dict[str, Any]) -> None:
    """Bound the memory that many addresses take: drop that of the oldest request."""
    if len(by_address) > _ADDRESSES_KEPT:
        del by_address[next(iter(by_address))]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
