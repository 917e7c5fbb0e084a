"""The OpenAPI description of the page's own API, served at /openapi.json."""

from typing import Any

from crepe.commands import SAYABLE
from crepe.dashboard.player_queue import LONGEST_NAME
from crepe.hw.capabilities import StopEvidence
from crepe.safety.arming import LONGEST_MIN

_JSON = "application/json"
_TEXT = {"type": "string"}
_LABEL = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_REASON = {"type": "object", "required": ["reason"], "properties": {"reason": _TEXT}}
_SENT = {"type": "object", "required": ["said"], "properties": {"said": _TEXT}}
_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_NAME = {"name": "name", "in": "path", "required": True, "schema": _TEXT}
_REPORT_STATE = {
    "type": "object",
    "required": ["state", "reason"],
    "properties": {"state": {"enum": ["none", "making", "ready", "failed"]}, "reason": _TEXT},
}
_QUEUE = {
    "type": "object",
    "required": ["is_taken", "name", "waiting", "place"],
    "properties": {
        "is_taken": {"type": "boolean"},
        "name": _TEXT,
        "waiting": {"type": "array", "items": _TEXT},
        "place": {"type": ["integer", "null"]},
    },
}
_STOP = {
    "type": "object",
    "required": ["is_verified", "evidence", "lines"],
    "properties": {
        "is_verified": {"type": "boolean"},
        "evidence": {"enum": [evidence.value for evidence in StopEvidence]},
        "lines": {"type": "array", "items": _TEXT},
    },
}


def _answer(text: str, schema: dict[str, Any], kind: str = _JSON) -> dict[str, Any]:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _refusals(**others: str) -> dict[str, Any]:
    """Return the refusals of an operation, by status: `_409="..."` and those of every request."""
    every = {"_421": "The Host header is not the name of this page", **others}
    return {status[1:]: _answer(text, _REASON) for status, text in every.items()}


def _get(summary: str, ok: dict[str, Any], *parameters: Any, **others: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": ok,
            "401": _answer("The cookie is missing or wrong", _TEXT, "text/plain"),
            **_refusals(**others),
        },
    }


def _post(
    summary: str, ok: dict[str, Any], *parameters: Any, status: str = "200", **others: str
) -> dict[str, Any]:
    return {
        "summary": summary,
        "security": [{"cookie": [], "page": []}],
        "parameters": list(parameters),
        "responses": {
            status: ok,
            **_refusals(
                _401="The cookie is missing or wrong",
                _403="Sent by a spectator, or not by the page itself",
                _413="The body is too large",
                **others,
            ),
        },
    }


def _command(
    summary: str, ok: dict[str, Any], properties: dict[str, Any], *required: str, **others: str
) -> dict[str, Any]:
    schema = {"type": "object", "required": list(required), "properties": properties}
    return _post(summary, ok, _400="A wrong body; nothing happened", **others) | {
        "requestBody": {"required": True, "content": {_JSON: {"schema": schema}}}
    }


_LOST = {"_503": "Redis cannot be reached"}
_NONE = {"_404": "No such session, or no such file of it"}
_MINUTES = {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_MIN, "default": 60}
_PART = _answer("The file", {"type": "string", "format": "binary"}, "application/x-hdf5")
_LOCKED = {"_409": "The session still runs, or the file cannot be read"}
_REPORT = _answer("The report", _TEXT, "text/html")
_FILE: dict[str, Any] = {
    "description": "The file",
    "content": {kind: {} for kind in ("text/html", _JSON, "image/png")},
}
_METRICS: dict[str, Any] = {
    "description": "In the text format, or in OpenMetrics if the request accepts it",
    "content": {"text/plain": {}, "application/openmetrics-text": {}},
}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "CREPE's live page",
        "version": "1",
        "description": "Needs the cookie `crepe_dashboard_PORT` that the page's link sets; "
        "a GET may send the token of a link as a bearer instead.",
    },
    "components": {
        "securitySchemes": {
            "cookie": {"type": "apiKey", "in": "cookie", "name": "crepe_dashboard_8080"},
            "bearer": {"type": "http", "scheme": "bearer"},
            "page": {
                "type": "apiKey",
                "in": "header",
                "name": "X-CREPE",
                "description": "1, with the page's own Origin",
            },
        }
    },
    "security": [{"cookie": []}, {"bearer": []}],
    "paths": {
        "/openapi.json": {"get": _get("This document", _answer("OpenAPI 3.1", {}))},
        "/metrics": {
            "get": _get(
                "Metrics of the session for Prometheus",
                _METRICS,
                _501="The package prometheus-client is missing",
            )
        },
        "/api/stop": {
            "post": _post(
                "Emergency stop; the body is not read", _answer("The verified result", _STOP)
            )
        },
        "/api/arm": {
            "post": _command(
                "Arm the running stimulator", _answer("Armed", _SENT), {"minutes": _MINUTES}
            )
        },
        "/api/say": {
            "post": _command(
                "Send a command to the experiment",
                _answer("On the stream", _SENT),
                {"name": {"enum": list(SAYABLE)}, "value": _TEXT},
                "name",
                **_LOST,
            )
        },
        "/api/queue": {
            "post": _command(
                "Join or leave the player queue",
                _answer("The queue as the browser sees it", _QUEUE),
                {"client": _LABEL, "name": _TEXT, "wants": {"type": "boolean", "default": True}},
                "client",
                _409="The game reads no gestures",
                **_LOST,
            )
        },
        "/api/gesture": {
            "post": _command(
                "Show a gesture, as the player",
                _answer("On the stream", _SENT),
                {"client": _LABEL, "gesture": _TEXT},
                *("client", "gesture"),
                _409="Another browser plays, or none",
                **_LOST,
            )
        },
        "/api/sessions": {
            "get": _get(
                "The recorded sessions",
                _answer("Newest first", {"type": "array", "items": {"type": "object"}}),
            )
        },
        "/api/beside": {
            "get": _get(
                "The sessions that run beside this one on the machine",
                _answer("By culture", {"type": "array", "items": {"type": "object"}}),
            )
        },
        "/api/sessions/{id}/recording": {
            "get": _get("The newest part of a recording", _PART, _ID, **_NONE, **_LOCKED)
        },
        "/api/sessions/{id}/recording/{name}": {
            "get": _get("A part of a recording", _PART, _ID, _NAME, **_NONE, **_LOCKED)
        },
        "/api/sessions/{id}/report": {
            "post": _post(
                "Begin to make a report",
                _answer("It is being made", _REPORT_STATE),
                _ID,
                status="202",
                **_NONE,
                _409="The session still runs, or another report is being made",
            )
        },
        "/api/sessions/{id}/report/": {"get": _get("The report", _REPORT, _ID, **_NONE)},
        "/api/sessions/{id}/report/state": {
            "get": _get(
                "Whether the report is being made",
                _answer("Its state", _REPORT_STATE),
                _ID,
                **_NONE,
            )
        },
        "/api/sessions/{id}/report/{name}": {
            "get": _get("A file of the report", _FILE, _ID, _NAME, **_NONE)
        },
    },
}
