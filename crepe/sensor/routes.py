"""The hardware API: `/hw-api/input/`, `output/`, `ready/` and `echo/`, with or without the slash.

Where clients of the original depend on it the answers are the same: 200 to a post, gestures as
plain text. Its faults are mended: malformed input is 400 and harms nothing; `ready` is True exactly
while a result stands; no result yet is 204 and not the gesture None; reading a result keeps it.
"""

import secrets
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from crepe.config.tables import SensorTable
from crepe.errors import StoreError
from crepe.messages import Command
from crepe.sensor.access import SensorAccess
from crepe.sensor.frames import FrameError, classify, parse
from crepe.sensor.input_tracker import Input, InputTracker, State
from crepe.sensor.openapi import DOCUMENT
from crepe.sensor.original_wording import NONE, api_name, as_json
from crepe.web.access import Rate
from crepe.web.body import refused

Handler = Callable[[Request], Awaitable[Response]]

_NUMBER_BYTES = 6


def make_app(
    tracker: InputTracker,
    table: SensorTable,
    send: Callable[[Command], object],
    *,
    sender: str,
    token: str,
    rate: Rate | None = None,
) -> ASGIApp:
    """Return the routes of a gateway as an ASGI application.

    Parameters
    ----------
    send
        Appends a command to the stream `input`; called on a thread. Raises StoreError.
    sender
        First word of the commands' sender; the second is the input's number.
    token
        Required of every client.
    rate
        Of requests from one address; None: as in the table.
    """
    last_body = NONE.encode()

    async def home(request: Request) -> Response:
        del request
        return PlainTextResponse("Hello, World!")

    async def help_(request: Request) -> Response:
        del request
        return PlainTextResponse("POST a frame here: 8 lists of 8 temperatures, as JSON")

    async def post(request: Request) -> Response:
        nonlocal last_body
        body = await request.body()
        try:
            frame = parse(body)
        except FrameError as error:
            return refused(400, str(error))
        gesture = classify(frame, table.infrared)
        number = secrets.token_hex(_NUMBER_BYTES)
        kind, value = ("frame", "none") if gesture is None else ("gesture", gesture)
        try:
            command = Command(0, 0, kind, value, f"{sender} {number}", frame)
            await run_in_threadpool(send, command)
        except StoreError as error:
            return refused(503, f"the streams cannot be reached: {error}")
        # Only now: an input that is not on the stream does not count.
        last_body = body
        return JSONResponse(as_json(tracker.add(number, gesture)))

    async def output(request: Request) -> Response:
        form = request.query_params.get("form", "")
        if form not in ("", "original"):
            return refused(400, f"form: {form!r}, must be 'original' or left out")
        if form:
            newest = tracker.newest_result
            return PlainTextResponse(api_name(newest.decoded) if newest else NONE)
        entry = _requested(tracker, request)
        if isinstance(entry, Response):
            return entry
        if entry is None or entry.state is not State.RESULT:
            return Response(status_code=204)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(as_json(entry))
        return PlainTextResponse(api_name(entry.decoded))

    async def ready(request: Request) -> Response:
        entry = _requested(tracker, request)
        if isinstance(entry, Response):
            return entry
        return PlainTextResponse(str(entry is not None and entry.state is State.RESULT))

    async def echo(request: Request) -> Response:
        del request
        return PlainTextResponse(last_body)

    async def openapi(request: Request) -> Response:
        del request
        return JSONResponse(DOCUMENT)

    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/", home),
        ("GET", "/hw-api/input/", help_),
        ("POST", "/hw-api/input/", post),
        ("GET", "/hw-api/output/", output),
        ("GET", "/hw-api/ready/", ready),
        ("GET", "/hw-api/echo/", echo),
        ("GET", "/openapi.json", openapi),
    ]
    app = Starlette(routes=_both_forms(routes))
    app.router.redirect_slashes = False
    return SensorAccess(app, table, token, rate or Rate(table.requests_per_s))


def _both_forms(routes: list[tuple[str, str, Handler]]) -> list[Route]:
    """Return one route for each path, with and without the slash at its end."""
    by_path: dict[str, dict[str, Handler]] = {}
    for verb, path, handler in routes:
        for form in {path, path.rstrip("/") or "/"}:
            by_path.setdefault(form, {})[verb] = handler

    def by_verb(handlers: dict[str, Handler]) -> Handler:
        async def answer(request: Request) -> Response:
            # Starlette adds HEAD to every route with GET.
            verb = "GET" if request.method == "HEAD" else request.method
            return await handlers[verb](request)

        return answer

    return [
        Route(path, by_verb(handlers), methods=list(handlers)) for path, handlers in by_path.items()
    ]


def _requested(tracker: InputTracker, request: Request) -> Input | Response | None:
    """Return the input of `?input=`, else that whose result stands; or a refusal."""
    number = request.query_params.get("input")
    if number is None:
        return tracker.result
    entry = tracker.find(number)
    if entry is None:
        return refused(404, f"input {number!r}: unknown, or too old")
    if entry.state in (State.UNUSED, State.OVER):
        return JSONResponse(as_json(entry), 410)
    return entry
