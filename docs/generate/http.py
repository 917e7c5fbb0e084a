"""`reference/http.md`: the routes of the live page, the sensor gateway and the simulator."""

from collections.abc import Iterable, Mapping
from typing import Any
from unittest.mock import MagicMock

from starlette.routing import Mount, Route, WebSocketRoute

from crepe.dashboard.monitoring.routes import metrics_routes
from crepe.dashboard.openapi import DOCUMENT as PAGE_API
from crepe.dashboard.routes import Page
from crepe.dashboard.session_routes import session_routes
from crepe.sensor.openapi import DOCUMENT as SENSOR_API
from crepe.simulator.meame.routes import make_app
from docs.generate.markdown import code, page, sentence, table

PAGE: Mapping[str, str] = {
    "GET /": "The page.",
    "GET /replay/{id}": "The page, as a replay of a recorded session.",
    "GET /uPlot.js": "The plotting library.",
    "GET /uPlot.css": "Its style.",
    "GET /static": "Scripts and styles of the page.",
    "WebSocket /live": "Frames of the running session; the browser confirms each one.",
    "WebSocket /replay/{id}/frames": "Frames of a replay, likewise.",
}
"""The routes of the live page that are no API, and what each is for."""

SIMULATOR: Mapping[str, str] = {
    "GET /": "A greeting.",
    "GET /status": "Whether acquisition and DSP are alive.",
    "POST /daq/connect": "`samplerate`, `segmentLength`: configure the acquisition.",
    "GET /daq/start": "Start the flow of samples on the data ports.",
    "GET /daq/stop": "Stop it.",
    "GET /dsp/flash": "Restart the DSP's firmware.",
    "POST /aux/logmsg": "Write the body into the server's log.",
    "POST /dsp/call": "`func`, `argAddrs`, `argVals`: call a function of the DSP.",
    "POST /dsp/read": "`addresses`: read registers.",
    "POST /dsp/write": "`addresses`, `values`: write registers.",
    "GET /dsp/stim/setup": "Set up the stimulation that MEAME replays.",
    "GET /dsp/stim/start": "Start it.",
    "GET /dsp/stim/stop": "Stop it.",
    "GET /simulator/proof": "`challenge`: prove that this is the simulator of the run directory.",
    "GET /simulator/acquisition": "The configuration of the acquisition.",
    "GET /simulator/electrodes": "Pulses so far, by channel.",
    "GET /simulator/pulses": "`after`: the pulses at the electrodes from a tick on.",
    "GET /simulator/truth": "`port`, `start`, `stop`: the true spikes, for validation.",
    "POST /simulator/faults": "Set the next faults, for tests.",
}
"""The routes of the simulated MEAME; those under `/simulator/` are its own."""

_INTRO = """Every route of the live page, of the sensor gateway and of the simulated instrument."""

_PAGE = """The program `dashboard`, on 127.0.0.1:8080 or the next free port (see
`run/dashboard.json`). A request needs the cookie that the printed link sets; a `GET` may send the
link's token as `Authorization: Bearer TOKEN` instead. A `POST` needs the operator's link, the
page's own origin, the header `X-CREPE: 1` and `application/json`. A link is answered with 429 after
many wrong tokens."""

_SENSOR = """The program `sensor`, on 127.0.0.1:5000 or the next free port (see
`run/sensor.json`, which also holds the token). Paths answer with and without the slash at their
end. A request needs the header `Authorization: Bearer TOKEN`."""

_SIMULATOR = """The program `culture` or `crepe simulate`, on 127.0.0.1:8888 or the next free
port. Letter case and extra slashes do not matter, as in MEAME; a bad request is answered with
500."""


def http() -> str:
    """Return the page."""
    return page(
        "HTTP routes",
        _INTRO,
        *("## The live page", _PAGE, _table(PAGE, PAGE), _openapi(PAGE_API)),
        *("## The sensor gateway", _SENSOR, _openapi(SENSOR_API)),
        *("## The simulated MEAME", _SIMULATOR, _table(SIMULATOR, simulator_routes())),
    )


def page_routes() -> list[str]:
    """Return the routes of the live page, as `VERB /path`."""
    mocks = MagicMock(), MagicMock(), MagicMock(), MagicMock()
    live_page = Page(*mocks, can_stimulate=True, frames_per_s=1.0)
    further = [*session_routes(*mocks[:2]), *metrics_routes(*mocks)]
    routes = live_page.app(further)
    return list(_routes(routes.routes))


def simulator_routes() -> list[str]:
    """Return the routes of the simulated MEAME, as `VERB /path`."""
    lenient: Any = make_app(MagicMock())
    (app,) = (cell.cell_contents for cell in lenient.__closure__)
    return list(_routes(app.routes))


def _routes(routes: Iterable[object]) -> Iterable[str]:
    for route in routes:
        match route:
            case WebSocketRoute():
                yield f"WebSocket {route.path}"
            case Mount():
                yield f"GET {route.path}"
            case Route(methods=set() as methods):
                verbs = methods - {"HEAD", "OPTIONS"}
                yield f"{', '.join(sorted(verbs))} {route.path}"


def _fields(operation: Mapping[str, Any]) -> list[str]:
    """Return the fields of an operation's JSON object, as code."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return [code(name) for name in schema.get("properties", ())]


def _table(sentences: Mapping[str, str], routes: Iterable[str]) -> str:
    return table(
        ("route", "purpose"), [(code(route), sentences.get(route, "")) for route in routes]
    )


def _openapi(document: Mapping[str, Any]) -> str:
    rows = []
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            parameters = [
                code(f"?{each['name']}=")
                for each in operation.get("parameters", ())
                if each["in"] == "query"
            ]
            answers = [
                f"{status} {answer['description'].lower()}"
                for status, answer in sorted(operation["responses"].items())
            ]
            about = sentence(operation.get("summary", ""))
            about += f" Optional: {', '.join(parameters)}." if parameters else ""
            if body := _fields(operation):
                about += f" Body: {', '.join(body)}."
            rows.append((code(f"{verb.upper()} {path}"), about, "; ".join(answers)))
    return table(("route", "purpose", "answers"), rows)
