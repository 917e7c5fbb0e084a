"""MEAME's HTTP routes, with its leniency: letter case and extra slashes do not matter."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from crepe.hw.meame_http import proof

if TYPE_CHECKING:
    from crepe.simulator.server import Simulator

log = logging.getLogger(__name__)

_LARGEST_WORD = 2**32 - 1

Handler = Callable[[Request], Awaitable[Response]]


def make_app(simulator: "Simulator") -> ASGIApp:
    """The routes of a simulator as an ASGI application."""

    async def home(request: Request) -> Response:
        del request
        return PlainTextResponse("hello this is MEAME.")

    async def status(request: Request) -> Response:
        del request
        return JSONResponse({"isAlive": simulator.is_started, "dspAlive": True})

    async def connect(request: Request) -> Response:
        body = await _body(request)
        simulator.connect(_number(body, "samplerate"), _number(body, "segmentLength"))
        return _done()

    async def start(request: Request) -> Response:
        del request
        await simulator.start()
        return _done()

    async def nothing(request: Request) -> Response:
        """What MEAME acknowledges without an effect: /DAQ/stop and /DSP/flash."""
        del request
        return _done()

    async def call(request: Request) -> Response:
        body = await _body(request)
        function, addresses = _number(body, "func"), _words(body, "argAddrs")
        values = _words(body, "argVals")
        if len(values) < len(addresses):
            raise ValueError(f"{len(values)} values for {len(addresses)} addresses")
        simulator.catch_up()
        is_done = simulator.instrument.call(function, list(zip(addresses, values, strict=False)))
        return _done() if is_done else Response(status_code=500)

    async def read(request: Request) -> Response:
        addresses = _words(await _body(request), "addresses")
        dsp = simulator.catch_up()
        return JSONResponse({"addresses": addresses, "values": [dsp.read(a) for a in addresses]})

    async def write(request: Request) -> Response:
        body = await _body(request)
        addresses, values = _words(body, "addresses"), _words(body, "values")
        dsp = simulator.catch_up()
        for i, address in enumerate(addresses):
            dsp.write(address, values[i])  # those before a missing value have happened
        return _done()

    async def logmsg(request: Request) -> Response:
        log.info("client says: %s", (await request.body()).decode(errors="replace"))
        return _done()

    async def prove(request: Request) -> Response:
        return PlainTextResponse(proof(simulator.nonce, request.query_params["challenge"]))

    async def pulses(request: Request) -> Response:
        """What reached the electrodes from tick `after` on, by the DSP's own clock of 20 us."""
        after = int(request.query_params.get("after", 0))
        dsp = simulator.catch_up()
        found = [[shot.tick, *shot.electrodes] for shot in dsp.shots if shot.tick >= after]
        return JSONResponse({"now": dsp.now, "pulses": found})

    async def acquisition(request: Request) -> Response:
        """What MEAME does not tell: how it is configured."""
        del request
        rate_hz = round(simulator.instrument.sampling_rate_hz)
        return JSONResponse({"samplerate": rate_hz, "segmentLength": simulator.segment_samples})

    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/", home),
        ("GET", "/status", status),
        ("POST", "/daq/connect", connect),
        ("GET", "/daq/start", start),
        ("GET", "/daq/stop", nothing),
        ("GET", "/dsp/flash", nothing),
        ("POST", "/dsp/call", call),
        ("POST", "/dsp/read", read),
        ("POST", "/dsp/write", write),
        ("POST", "/aux/logmsg", logmsg),
        ("GET", "/simulator/proof", prove),
        ("GET", "/simulator/acquisition", acquisition),
        ("GET", "/simulator/pulses", pulses),
    ]
    return _lenient(
        Starlette(
            routes=[Route(path, _caught(make), methods=[verb]) for verb, path, make in routes]
        )
    )


def _lenient(app: ASGIApp) -> ASGIApp:
    async def with_plain_path(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            parts = [part for part in scope["path"].lower().split("/") if part]
            scope = {**scope, "path": "/" + "/".join(parts)}
        await app(scope, receive, send)

    return with_plain_path


def _caught(handler: Handler) -> Handler:
    """What a request gets wrong is a 500, as with MEAME."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            log.warning("%s %s: %s", request.method, request.url.path, error)
            return Response(status_code=500)

    return answer


def _done() -> Response:
    return Response(b"", media_type="text/html")


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object, its names in lower case."""
    found = json.loads(await request.body())
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return {name.lower(): value for name, value in found.items()}


def _number(body: Mapping[str, Any], name: str) -> int:
    return _word(body.get(name.lower(), 0))


def _words(body: Mapping[str, Any], name: str) -> list[int]:
    return [_word(value) for value in body[name.lower()]]


def _word(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_WORD:
        raise ValueError(f"{value!r} is no 32-bit word")
    return value
