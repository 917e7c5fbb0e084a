"""What stands before every route: who may come in, how often, and with how much."""

import hmac
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from crepe.config.tables import SensorTable
from crepe.web.body import again, refused, whole

_ADDRESSES_KEPT = 1000


class Rate:
    """Allows each address so many requests a second, and as many at once."""

    def __init__(self, per_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s)
        self._monotonic_s = monotonic_s
        self._left: dict[str, tuple[float, float]] = {}  # by address: requests, and when

    def allows(self, address: str) -> bool:
        now_s = self._monotonic_s()
        left, then_s = self._left.pop(address, (self._most, now_s))
        left = min(self._most, left + (now_s - then_s) * self._per_s)
        is_allowed = left >= 1
        self._left[address] = (left - is_allowed, now_s)  # what is refused costs nothing
        if len(self._left) > _ADDRESSES_KEPT:
            del self._left[next(iter(self._left))]  # the one that was silent longest
        return is_allowed


class SensorAccess:
    """Refuses a request with a status and a reason, or passes it on with its whole body.

    401 without the token, 403 for a web page of another site (a browser on this machine could
    otherwise be made to start stimulation), 413 for a body that is too large, 429 for too many.
    """

    def __init__(self, app: ASGIApp, table: SensorTable, token: str, rate: Rate) -> None:
        self._app = app
        self._largest = table.largest_body_bytes
        self._token = token
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            body = await whole(receive, self._largest)
            if body is not None:
                await self._app(scope, again(body, receive), send)
                return
            refusal = self._too_large()
        await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        client = scope.get("client")
        if not self._rate.allows(client[0] if client else ""):
            return refused(429, "too many requests from this address", {"Retry-After": "1"})
        if self._token and not _has_token(headers.get("authorization", ""), self._token):
            return refused(
                401, "needs the header Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )
        if scope["method"] == "POST" and "origin" in headers:
            return refused(403, "posted by a web page; only programs may post here")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._largest:
            return self._too_large()
        return None

    def _too_large(self) -> JSONResponse:
        headers = {"Connection": "close"}  # the rest of the body is not read
        return refused(413, f"body: larger than {self._largest} bytes", headers)


def _has_token(header: str, token: str) -> bool:
    kind, _, found = header.partition(" ")
    is_it = hmac.compare_digest(found.strip().encode(), token.encode())
    return kind.lower() == "bearer" and is_it
