"""Request bodies as MEAME reads them, and answers without a body."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

BAD_REQUEST = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
_LARGEST_WORD = 2**32 - 1
_CODE_PAGE = "cp1252"  # of the Windows that MEAME runs on

Handler = Callable[[Request], Awaitable[Response]]
Routes = list[tuple[str, str, Handler]]  # (verb, path in lower case, handler)


def done() -> Response:
    """Return status 200 without a body."""
    return Response(b"", media_type="text/html")


async def body_of(request: Request) -> Mapping[str, Any]:
    """Return the JSON object, its names in lower case."""
    content = json.loads((await request.body()).decode(_CODE_PAGE, errors="replace"))
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return {name.lower(): value for name, value in content.items()}


def number(body: Mapping[str, Any], name: str) -> int:
    """Return an unsigned word; 0 where there is none."""
    return _integer(body.get(name.lower(), 0), 0, _LARGEST_WORD)


def signed(body: Mapping[str, Any], name: str) -> int:
    """Return a signed word, as the sampling rate is."""
    return _integer(body.get(name.lower(), 0), -(2**31), 2**31 - 1)


def numbers(body: Mapping[str, Any], name: str) -> list[int]:
    """Return a list of unsigned words."""
    values = body[name.lower()]
    if not isinstance(values, list):
        raise ValueError(f"{name}: {values!r} is no list")
    return [_integer(value, 0, _LARGEST_WORD) for value in values]


def _integer(value: Any, smallest: int, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
        raise ValueError(f"{value!r} is no integer of {smallest} to {largest}")
    return value
