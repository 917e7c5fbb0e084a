"""MEAME's HTTP routes, with its leniency: letter case and extra slashes do not matter."""

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from crepe.simulator.meame.quirks import Quirk
from crepe.simulator.meame.request_body import BAD_REQUEST, Handler, Routes, body_of, done, signed
from crepe.simulator.meame.routes_control import own_routes
from crepe.simulator.meame.routes_dsp import dsp_routes

if TYPE_CHECKING:
    from crepe.simulator.meame.server import Simulator

log = logging.getLogger(__name__)


def make_app(simulator: "Simulator") -> ASGIApp:
    """Build the routes of a simulator as an ASGI application."""
    meame = [*_daq_routes(simulator), *dsp_routes(simulator)]
    faulty = [(verb, path, _faulty(simulator, handler)) for verb, path, handler in meame]
    return _lenient(
        Starlette(
            routes=[
                Route(path, _caught(handler), methods=[verb, "OPTIONS"])
                for verb, path, handler in [*faulty, *own_routes(simulator)]
            ]
        )
    )


def _daq_routes(simulator: "Simulator") -> Routes:
    async def home(request: Request) -> Response:
        del request
        return PlainTextResponse("hello this is MEAME.")

    async def status(request: Request) -> Response:
        del request
        return JSONResponse({"isAlive": simulator.daq.is_started, "dspAlive": True})

    async def connect(request: Request) -> Response:
        body = await body_of(request)
        simulator.daq.connect(signed(body, "samplerate"), signed(body, "segmentLength"))
        return done()

    async def start(request: Request) -> Response:
        del request
        await simulator.start()
        return done()

    async def stop(request: Request) -> Response:
        del request
        simulator.daq.stop()
        return done()

    async def flash(request: Request) -> Response:
        del request
        if Quirk.NOOP_FLASH not in simulator.settings.quirks:
            simulator.catch_up().boot()
        return done()

    async def logmsg(request: Request) -> Response:
        log.info("client says: %s", (await request.body()).decode(errors="replace"))
        return done()

    return [
        ("GET", "/", home),
        ("GET", "/status", status),
        ("POST", "/daq/connect", connect),
        ("GET", "/daq/start", start),
        ("GET", "/daq/stop", stop),
        ("GET", "/dsp/flash", flash),
        ("POST", "/aux/logmsg", logmsg),
    ]


def _faulty(simulator: "Simulator", handler: Handler) -> Handler:
    """Answer late, or with 500, as often as the faults require."""
    faults = simulator.faults

    async def answer(request: Request) -> Response:
        await simulator.daq.wait_for_network()
        if faults.late:
            faults.late -= 1
            await asyncio.sleep(faults.late_s)
        if faults.errors:
            faults.errors -= 1
            return Response(status_code=500)
        return await handler(request)

    return answer


def _lenient(app: ASGIApp) -> ASGIApp:
    """Ignore letter case and extra slashes of paths."""

    async def with_plain_path(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            parts = [part for part in scope["path"].lower().split("/") if part]
            scope = {**scope, "path": "/" + "/".join(parts)}
        await app(scope, receive, send)

    return with_plain_path


def _caught(handler: Handler) -> Handler:
    """Answer a bad request with 500, as MEAME does."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Allow": _allowed(request)})
        try:
            return await handler(request)
        except BAD_REQUEST as error:
            log.warning("%s %s: %s", request.method, request.url.path, error)
            return Response(status_code=500)

    return answer


def _allowed(request: Request) -> str:
    return ", ".join(sorted(request.scope["route"].methods))
