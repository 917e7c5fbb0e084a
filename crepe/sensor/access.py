"""Access to the sensor gateway: with which token, how often, and with how large a body."""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from crepe.config.tables import SensorTable
from crepe.web.access import Rate, address_of, has_bearer_token
from crepe.web.body import limited, refused, too_large

_LENGTH_DIGITS = 20  # of a Content-Length; Python refuses to read thousands of them


class SensorAccess:
    """The rules of access for sensors: a request is refused with a reason, or passed on whole.

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
            passed = await limited(receive, self._largest)
            if passed is not None:
                await self._app(scope, passed, send)
                return
            refusal = too_large(self._largest)
        await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        """Return the refusal of a request, judged before its body is read."""
        headers = Headers(scope=scope)
        # Before the token is compared, so that guesses are limited, too.
        if not self._rate.allows(address_of(scope)):
            return refused(429, "too many requests from this address", {"Retry-After": "1"})
        if not has_bearer_token(headers, self._token):
            return refused(
                401,
                "needs the header Authorization: Bearer TOKEN; the token is that of "
                "CREPE_SENSOR_TOKEN where the gateway runs, or in its file run/sensor.json",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope["method"] == "POST" and "origin" in headers:
            return refused(403, "posted by a web page; only programs may post here")
        # Spares reading a body that is declared too large; `limited` counts the bytes of others.
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:_LENGTH_DIGITS]) > self._largest:
            return too_large(self._largest)
        return None
