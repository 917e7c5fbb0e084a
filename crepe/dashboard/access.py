"""Who may come in at the live page, and who may do more than look. Stands before every route.

Without a token, which only a page on this machine may be, whoever comes is an operator. With one, a
link with `?token=` sets a cookie and goes on without it, so that no token stays in an address bar.
The cookie is an HMAC by a key that this process made up, so it ends with the process.
"""

import hmac
import ipaddress
import re
import secrets
import socket
import time
from enum import StrEnum
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crepe.web.body import again, refused, whole
from crepe.web.links import spectator_key
from crepe.web.token import is_loopback

_LARGEST_BODY = 16_384
_WRONG_TOKENS, _WRONG_WITHIN_S = 20, 60.0
_ADDRESSES_KEPT = 1000
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
_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d+)?$")  # of a Host header, without the port


class Role(StrEnum):
    """What somebody at the page may do; in `scope["role"]`."""

    OPERATOR = "operator"
    SPECTATOR = "spectator"


class Access:
    """Passes requests on to `app`, or refuses them with a reason.

    401 without a token or cookie, 403 for what a spectator may not do and for what a page of
    another site has sent, 413 for a large body, 421 for a Host that is not ours (a name that was
    made to point here), 429 after many wrong tokens.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, token: str, public_url: str | None = None
    ) -> None:
        self._app = app
        self._token = token
        self._key = secrets.token_bytes(32)
        self._hosts = {"127.0.0.1", "localhost", "[::1]", _bracketed(host).lower()}
        self._public = urlsplit(public_url or "")
        if self._public.hostname:
            self._hosts.add(_bracketed(self._public.hostname))
        self._is_open = host in ("0.0.0.0", "::")
        if not is_loopback(host):
            full = socket.getfqdn().lower()
            self._hosts |= {full, full.partition(".")[0], socket.gethostname().lower()}
        self._wrong: dict[str, list[float]] = {}  # by address: when wrong tokens came

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
        body = None
        if refusal is None and scope["method"] not in _SAFE:
            body = await whole(receive, _LARGEST_BODY)
            if body is None:
                refusal = refused(413, f"body: larger than {_LARGEST_BODY} bytes")
        answers = _with_headers(send)
        if refusal is not None:
            await refusal(scope, receive, answers)
        else:
            passed = receive if body is None else again(body, receive)
            await self._app({**scope, "role": role}, passed, answers)

    def _judge(self, scope: Scope) -> tuple[Response | None, Role | None]:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        port = int(scope["server"][1])
        if not self._is_ours(host):
            return refused(421, f"Host {host[:100]!r}: not the name of this page"), None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if scope["type"] == "http" and scope["method"] in _SAFE and "token" in query:
            return self._enter(scope, query["token"][0], port, host), None
        role = self._role(headers, port)
        if role is None:
            return PlainTextResponse(
                "This page asks for a token: open the link that `crepe up` has printed.", 401
            ), None
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            refusal = self._from_elsewhere(scope, headers, host)
            if refusal is None and scope["type"] == "http" and role is Role.SPECTATOR:
                refusal = refused(403, "this link is for looking only")
            return refusal, role
        return None, role

    def _is_ours(self, host: str) -> bool:
        """By the name alone: a tunnel may have changed the port."""
        name = _NAME.match(host.lower())
        return name is not None and self._is_ours_by_name(name[1])

    def _is_ours_by_name(self, name: str) -> bool:
        return name in self._hosts or (self._is_open and _is_address(name))

    def _from_elsewhere(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        """Why this was not sent by our own page, if so."""
        origin = urlsplit(headers.get("origin", ""))
        ours = {host.lower(), self._public.netloc.lower()} - {""}
        if origin.scheme not in ("http", "https") or origin.netloc.lower() not in ours:
            return refused(403, "sent by a page of another site, or by none")
        if scope["type"] == "http":
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if headers.get("x-crepe") != "1" or kind != "application/json":
                return refused(403, "must be application/json with the header X-CREPE: 1")
        return None

    # Tokens and cookies

    def _enter(self, scope: Scope, token: str, port: int, host: str) -> Response:
        address = (scope.get("client") or ("",))[0]
        now_s = time.monotonic()
        wrong = [at for at in self._wrong.get(address, []) if now_s - at < _WRONG_WITHIN_S]
        if len(wrong) >= _WRONG_TOKENS:
            return refused(429, "too many wrong tokens from this address; wait a minute")
        role = None
        # without a token a word is the way back from the read-only link
        if _is_same(token, self._token or Role.OPERATOR):
            role = Role.OPERATOR
        elif _is_same(token, spectator_key(self._token)):
            role = Role.SPECTATOR
        if role is None:
            self._wrong.pop(address, None)
            self._wrong[address] = [*wrong, now_s]
            if len(self._wrong) > _ADDRESSES_KEPT:
                del self._wrong[next(iter(self._wrong))]
            return PlainTextResponse("This token is not the one of this page.", 401)
        answer = RedirectResponse(_local(scope["path"]), 303)
        answer.set_cookie(
            _cookie(port),
            self._signed(role),
            httponly=True,
            samesite="strict",
            secure=self._public.scheme == "https" and host.lower() == self._public.netloc.lower(),
            path="/",
        )
        return answer

    def _role(self, headers: Headers, port: int) -> Role | None:
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        found = cookies[_cookie(port)].value if _cookie(port) in cookies else ""
        for role in Role:
            if _is_same(found, self._signed(role)):
                return role
        return None if self._token else Role.OPERATOR

    def _signed(self, role: Role) -> str:
        return f"{role}.{hmac.digest(self._key, role.encode(), 'sha256').hex()}"


def _cookie(port: int) -> str:
    """The cookie's name: cookies are shared between the ports of a machine."""
    return f"crepe_dashboard_{port}"


def _is_same(found: str, wanted: str) -> bool:
    return hmac.compare_digest(found.encode(), wanted.encode())


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _local(path: str) -> str:
    """A path of this page, and never `//another.site`."""
    return "/" + path.lstrip("/\\")


def _with_headers(send: Send) -> Send:
    async def answers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return answers
