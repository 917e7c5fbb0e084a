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
    """An unsigned word; 0 where there is none."""
    return _integer(body.get(name.lower(), 0), 0, _LARGEST_WORD)


def signed(body: Mapping[str, Any], name: str) -> int:
    """An int of MEAME's, as the sampling rate is."""
    return _integer(body.get(name.lower(), 0), -(2**31), 2**31 - 1)


def words(body: Mapping[str, Any], name: str) -> list[int]:
    found = body[name.lower()]
    if not isinstance(found, list):
        raise ValueError(f"{name}: {found!r} is no list")
    return [_integer(value, 0, _LARGEST_WORD) for value in found]


def _integer(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{value!r} is no integer of {least} to {most}")
    return value
