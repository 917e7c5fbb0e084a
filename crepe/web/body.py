"""The body of a request, read whole and handed on."""

from starlette.responses import JSONResponse
from starlette.types import Message, Receive


def refused(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer to a request that is not granted."""
    return JSONResponse({"reason": reason}, status, headers)


async def whole(receive: Receive, largest_bytes: int) -> bytes | None:
    """The body, or None if it is larger than allowed, or the client has gone."""
    body = b""
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return None
        body += bytes(part.get("body", b""))
        if len(body) > largest_bytes:
            return None
        if not part.get("more_body", False):
            return body


def again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, and then what follows it."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_part() -> Message:
        return parts.pop() if parts else await receive()

    return next_part
