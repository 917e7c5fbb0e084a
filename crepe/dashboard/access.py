"""Access to the live page: which browsers are let in, and which may do more than watch.

A link with `?token=` sets a cookie and redirects to the page without it, so that no token stays in
an address bar. A program that reads without cookies, such as Prometheus, sends the token of either
link as `Authorization: Bearer TOKEN`. On loopback it is no different: other users of the machine
reach it, too.
"""

# Decisions 34 and 55: rights over the network, and on this machine.

from enum import StrEnum
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crepe.web.access import Attempts, HostNames, SignedCookie, address_of, is_json, is_same
from crepe.web.body import limited, refused, too_large
from crepe.web.links import spectator_key

_LARGEST_BODY = 16_384
_WRONG_TOKENS, _WRONG_WITHIN_S = 20, 60.0
_COOKIE = "crepe_dashboard"
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_SAFE = ("GET", "HEAD")
_HOW = "Open the link that `crepe play` or `crepe up` has printed; `crepe status` prints it again."


class Role(StrEnum):
    """The rights of a browser; in `scope["role"]`."""

    OPERATOR = "operator"
    SPECTATOR = "spectator"


class PageAccess:
    """The rules of access to the page: a request reaches `app`, or is refused with a reason.

    401 without a token or cookie, 403 for what a spectator may not do and for requests from a page
    of another site, 413 for a large body, 421 for a Host that is not ours (a foreign name that was
    made to point to this address), 429 after many wrong tokens.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, token: str, public_url: str | None = None
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = HostNames(host, public_url)
        self._attempts = Attempts(_WRONG_TOKENS, _WRONG_WITHIN_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal, role = self._judge(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008})  # before accept: 403
                return
            await self._app({**scope, "role": role}, receive, send)
            return
        passed: Receive | None = receive
        if refusal is None and scope["method"] not in _SAFE:
            # Its bytes are counted, since Content-Length is only the client's claim.
            passed = await limited(receive, _LARGEST_BODY)
        answer = _with_headers(send)
        if refusal is not None or passed is None:
            await (refusal or too_large(_LARGEST_BODY))(scope, receive, answer)
        else:
            await self._app({**scope, "role": role}, passed, answer)

    def _judge(self, scope: Scope) -> tuple[Response | None, Role | None]:
        """Return a refusal or another answer instead of the page's, or else the role."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._hosts.allow(host):
            return refused(421, f"Host {host[:100]!r}: not the name of this page"), None
        cookie = SignedCookie(_COOKIE, int(scope["server"][1]), self._token)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if scope["type"] == "http" and scope["method"] in _SAFE and "token" in query:
            return self._enter(scope, query["token"][0], cookie, host), None
        bearer = _bearer(headers)
        if scope["type"] == "http" and scope["method"] in _SAFE and bearer:
            of_bearer = self._role_of(bearer, address_of(scope))
            return (of_bearer, None) if isinstance(of_bearer, Response) else (None, of_bearer)
        role = cookie.role_in(headers, Role)
        if role is None:
            return _without_token(scope), None
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            refusal = self._from_elsewhere(scope, headers)
            if refusal is None and scope["type"] == "http" and role is Role.SPECTATOR:
                refusal = refused(403, "this link is read-only")
            return refusal, role
        return None, role

    def _from_elsewhere(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the refusal of a request that our own page has not sent."""
        if not self._hosts.is_own_origin(headers):
            return refused(403, "sent by a page of another site, or by none")
        # a form of another site can send neither
        is_of_page = headers.get("x-crepe") == "1" and is_json(headers)
        if scope["type"] == "http" and not is_of_page:
            return refused(403, "must be application/json with the header X-CREPE: 1")
        return None

    def _enter(self, scope: Scope, token: str, cookie: SignedCookie, host: str) -> Response:
        """Return the answer to a link with a token: a redirection that sets the cookie."""
        role = self._role_of(token, address_of(scope))
        if isinstance(role, Response):
            return role
        answer = RedirectResponse(_local(scope["path"]), 303)
        public = self._hosts.public
        answer.set_cookie(
            cookie.name,
            cookie.value(role),
            httponly=True,
            samesite="strict",
            # Not for a plain http address of the page, from which browsers drop secure cookies.
            secure=public.scheme == "https" and host.lower() == public.netloc.lower(),
            path="/",
        )
        return answer

    def _role_of(self, token: str, address: str) -> Role | Response:
        """Return the role of a link's token, or the refusal of another one."""
        # Before the comparison: an address that guesses is refused even with the right token.
        if not self._attempts.are_left(address):
            return refused(429, "too many wrong tokens from this address; wait a minute")
        if is_same(token, self._token):
            return Role.OPERATOR
        if is_same(token, spectator_key(self._token)):
            return Role.SPECTATOR
        self._attempts.add_failure(address)
        return PlainTextResponse(f"This token is not the one of this page. {_HOW}", 401)


def _bearer(headers: Headers) -> str:
    """Return the token of a request without a cookie; empty without one."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _without_token(scope: Scope) -> Response:
    """Return the refusal of a request without a valid cookie: text for people, JSON for scripts."""
    reason = f"This page needs a token. {_HOW}"
    if scope["type"] == "http" and scope["method"] in _SAFE:
        return PlainTextResponse(reason, 401)
    return refused(401, reason)


def _local(path: str) -> str:
    """Return a path of this page, and never `//another.site`."""
    return "/" + path.lstrip("/\\")


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return answer
