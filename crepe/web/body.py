"""The body of a request, read whole and handed on, and the answer to a refused request."""

import json
from typing import Any, NoReturn

from starlette.responses import JSONResponse
from starlette.types import Message, Receive


def refused(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer to a refused request."""
    return JSONResponse({"reason": reason}, status, headers)


def json_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object that a client has sent, of values that can be sent on.

    Raises ValueError with a sentence for anything else: what nests too deeply, numbers that are
    none, and text that is no Unicode (half of a surrogate pair).
    """
    try:
        fields = json.loads(text, parse_constant=_no_number)
        json.dumps(fields, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("body: nested too deeply, must be a JSON object") from error
    except UnicodeEncodeError as error:
        raise ValueError("body: half of a surrogate pair, must be Unicode text") from error
    except ValueError as error:
        raise ValueError(f"body: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("body: must be a JSON object")
    return fields


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def too_large(largest_bytes: int) -> JSONResponse:
    """Return the answer to a request with a body that is larger than allowed."""
    headers = {"Connection": "close"}  # the rest of the body is not read
    return refused(413, f"body: larger than {largest_bytes} bytes", headers)


async def limited(receive: Receive, largest_bytes: int) -> Receive | None:
    """Read a body, and return a `receive` that gives it again and then what follows it.

    Returns None if the body is larger than allowed, or the client has gone.
    """
    body = b""
    while True:
        part = await receive()
        if part["type"] != "http.request":
            return None
        body += bytes(part.get("body", b""))
        if len(body) > largest_bytes:
            return None
        if not part.get("more_body", False):
            return _again(body, receive)


def _again(body: bytes, receive: Receive) -> Receive:
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_part() -> Message:
        return parts.pop() if parts else await receive()

    return next_part
