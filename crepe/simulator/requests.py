"""What MEAME reads out of a request's body, and answers without one."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

BAD_REQUEST = (ValueError, KeyError, IndexError, TypeError, AttributeError)
_LARGEST_WORD = 2**32 - 1
_CODE_PAGE = "cp1252"  # of the Windows that MEAME runs on

Handler = Callable[[Request], Awaitable[Response]]
Routes = list[tuple[str, str, Handler]]  # (verb, path in lower case, handler)


def done() -> Response:
    return Response(b"", media_type="text/html")


async def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object, its names in lower case."""
    found = json.loads((await request.body()).decode(_CODE_PAGE, errors="replace"))
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return {name.lower(): value for name, value in found.items()}


def number(body: Mapping[str, Any], name: str) -> int:
    return _word(body.get(name.lower(), 0))


def words(body: Mapping[str, Any], name: str) -> list[int]:
    return [_word(value) for value in body[name.lower()]]


def _word(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_WORD:
        raise ValueError(f"{value!r} is no 32-bit word")
    return value
