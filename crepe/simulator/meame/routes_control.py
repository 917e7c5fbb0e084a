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
from crepe.web.access import HostNames, is_json
from crepe.web.body import refused

if TYPE_CHECKING:
    from crepe.simulator.meame.server import Simulator


def own_routes(simulator: "Simulator") -> Routes:
    """Return the routes /simulator/..."""
    names = HostNames(simulator.settings.host)

    async def prove(request: Request) -> Response:
        return PlainTextResponse(proof(simulator.nonce, request.query_params["challenge"]))

    async def electrodes(request: Request) -> Response:
        """Send, by channel index: number of pulses, first and last tick with a current."""
        del request
        dsp = simulator.catch_up()
        return JSONResponse({"now": dsp.now, "electrodes": dsp.received()})

    async def pulses(request: Request) -> Response:
        """Send the pulses at the electrodes from tick `after` on, by the DSP's clock of 20 us.

        A pulse is [tick, channel index, ...]; its phases are [uA, us] each.
        """
        dsp = simulator.catch_up()
        shots = dsp.pulses(int(request.query_params.get("after", 0)))
        return JSONResponse(
            {
                "now": dsp.now,
                "pulses": [[shot.tick, *shot.electrodes] for shot in shots],
                "phases": [shot.phases for shot in shots],
            }
        )

    async def acquisition(request: Request) -> Response:
        """Send the configuration, which MEAME does not report."""
        del request
        rate_hz = round(simulator.instrument.sampling_rate_hz)
        return JSONResponse({"samplerate": rate_hz, "segmentLength": simulator.daq.segment_samples})

    async def truth(request: Request) -> Response:
        """Send which cell fired when, for validation only.

        Samples count from the first one of the data connection with the client's port `port`.
        """
        query = {name: int(request.query_params[name]) for name in ("port", "start", "stop")}
        spikes = simulator.daq.truth(**query)
        return JSONResponse(
            {
                "cells": spikes.channel.tolist(),
                "samples": spikes.sample.tolist(),
                "depths_uv": np.round(spikes.amplitude_uv, 1).tolist(),
            }
        )

    async def faults(request: Request) -> Response:
        """Set the next faults: {"errors": 3}, {"drop": true}, ...; names as in Faults.

        Only of a program on this machine, or of one that calls it by its own name: a web page
        could otherwise end the simulator.
        """
        if not names.allow(request.headers.get("host", "")):
            return refused(421, "Host: not the name of this simulator")
        if "origin" in request.headers or not is_json(request.headers):
            return refused(403, "must be application/json, and not sent by a web page")
        for name, value in (await body_of(request)).items():
            kind = type(getattr(Faults(), name))
            setattr(simulator.faults, name, kind(value))
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
