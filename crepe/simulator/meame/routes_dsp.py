"""The routes to the DSP: calls, registers, and the stimulation that MEAME replays."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from crepe.simulator.meame import meame2_replay
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.quirks import Quirk
from crepe.simulator.meame.request_body import (
    BAD_REQUEST,
    Handler,
    Routes,
    body_of,
    done,
    number,
    numbers,
)

if TYPE_CHECKING:
    from crepe.simulator.meame.server import Simulator

_LATE_S = 0.1  # the handshake's second look at the DSP's counter
_LARGEST_READ = 2**31 - 1  # a client of MEAME decodes signed words


def dsp_routes(simulator: "Simulator") -> Routes:
    """Return the routes /DSP/..."""
    quirks = simulator.settings.quirks

    async def call(request: Request) -> Response:
        body = await body_of(request)
        function, addresses = number(body, "func"), numbers(body, "argAddrs")
        values = numbers(body, "argVals")
        if Quirk.MOCK_EXECUTOR in quirks:
            return done()
        dsp = simulator.catch_up()
        if len(values) < len(addresses):
            for address, value in zip(addresses, values, strict=False):
                dsp.write(address, value)  # writes before the missing value took place
            raise ValueError(f"{len(values)} values for {len(addresses)} addresses")
        is_done = Quirk.NO_ACKNOWLEDGEMENT not in quirks and simulator.instrument.call(
            function, list(zip(addresses, values, strict=False))
        )
        if Quirk.LATE_ACKNOWLEDGEMENT in quirks:
            await asyncio.sleep(_LATE_S)
        return done() if is_done else Response(status_code=500)

    async def read(request: Request) -> Response:
        addresses = numbers(await body_of(request), "addresses")
        dsp = simulator.catch_up()
        is_mock = Quirk.MOCK_EXECUTOR in quirks
        values = [0 if is_mock else dsp.read(a) & _LARGEST_READ for a in addresses]
        return JSONResponse({"addresses": addresses, "values": values})

    async def write(request: Request) -> Response:
        body = await body_of(request)
        addresses, values = numbers(body, "addresses"), numbers(body, "values")
        dsp = simulator.catch_up()
        for i, address in enumerate(addresses):
            value = values[i]  # writes before a missing value took place
            if Quirk.MOCK_EXECUTOR not in quirks:
                dsp.write(address, value)
        return done()

    def replayed(play: Callable[[SimulatedMeame], None]) -> Handler:
        async def answer(request: Request) -> Response:
            del request
            simulator.catch_up()
            if not quirks & {Quirk.MOCK_EXECUTOR, Quirk.NO_ACKNOWLEDGEMENT}:
                play(simulator.instrument)
            return done()

        return answer

    routes: Routes = [
        ("POST", "/dsp/call", call),
        ("POST", "/dsp/read", read),
        ("POST", "/dsp/write", write),
        ("GET", "/dsp/stim/setup", replayed(meame2_replay.set_up)),
        ("GET", "/dsp/stim/start", replayed(meame2_replay.start)),
        ("GET", "/dsp/stim/stop", replayed(meame2_replay.stop)),
    ]
    return [(verb, path, _mortal(simulator, handler)) for verb, path, handler in routes]


def _mortal(simulator: "Simulator", handler: Handler) -> Handler:
    """Let the DSP die of a bad request, if so set; the real one is suspected to."""

    async def answer(request: Request) -> Response:
        if simulator.is_dsp_dead:
            return Response(status_code=500)
        try:
            return await handler(request)
        except BAD_REQUEST:
            simulator.is_dsp_dead = Quirk.DSP_DIES in simulator.settings.quirks
            raise

    return answer
