"""The simulator's own routes, which MEAME does not have: proof, truth, and faults on demand."""

import os
import signal
from typing import TYPE_CHECKING

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from crepe.hw.meame.http import proof
from crepe.simulator.meame.quirks import Faults
from crepe.simulator.meame.request_body import Routes, body_of, done

if TYPE_CHECKING:
    from crepe.simulator.meame.server import Simulator


def own_routes(simulator: "Simulator") -> Routes:
    """What only a simulated instrument can answer."""

    async def prove(request: Request) -> Response:
        return PlainTextResponse(proof(simulator.nonce, request.query_params["challenge"]))

    async def electrodes(request: Request) -> Response:
        """By channel index: pulses that reached it, the first and the last tick with a current."""
        del request
        dsp = simulator.catch_up()
        return JSONResponse({"now": dsp.now, "electrodes": dsp.received()})

    async def pulses(request: Request) -> Response:
        """What reached the electrodes from tick `after` on, by the DSP's own clock of 20 us.

        A pulse is [tick, channel index, ...]; its phases are [uA, us] each.
        """
        dsp = simulator.catch_up()
        found = dsp.pulses(int(request.query_params.get("after", 0)))
        return JSONResponse(
            {
                "now": dsp.now,
                "pulses": [[shot.tick, *shot.electrodes] for shot in found],
                "phases": [shot.phases for shot in found],
            }
        )

    async def acquisition(request: Request) -> Response:
        """What MEAME does not tell: how it is configured."""
        del request
        rate_hz = round(simulator.instrument.sampling_rate_hz)
        return JSONResponse({"samplerate": rate_hz, "segmentLength": simulator.daq.segment_samples})

    async def truth(request: Request) -> Response:
        """Which cell fired when, for validation only; samples as the client on `port` counts them.

        The port is the client's own, of its data connection.
        """
        asked = {name: int(request.query_params[name]) for name in ("port", "start", "stop")}
        found = simulator.daq.truth(**asked)
        return JSONResponse(
            {
                "cells": found.channel.tolist(),
                "samples": found.sample.tolist(),
                "depths_uv": np.round(found.amplitude_uv, 1).tolist(),
            }
        )

    async def faults(request: Request) -> Response:
        """What shall go wrong next: {"errors": 3}, {"drop": true}, ...; names as in Faults."""
        for name, value in (await body_of(request)).items():
            wanted = type(getattr(Faults(), name))
            setattr(simulator.faults, name, wanted(value))
        if simulator.faults.die:
            os.kill(os.getpid(), signal.SIGKILL)
        return done()

    return [
        ("GET", "/simulator/proof", prove),
        ("GET", "/simulator/acquisition", acquisition),
        ("GET", "/simulator/electrodes", electrodes),
        ("GET", "/simulator/pulses", pulses),
        ("GET", "/simulator/truth", truth),
        ("POST", "/simulator/faults", faults),
    ]
