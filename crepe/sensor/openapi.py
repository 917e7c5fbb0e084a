"""The OpenAPI description of the hardware API, served at /openapi.json."""

from typing import Any

_FRAME = {
    "description": "Temperatures in degrees Celsius, row by row",
    "type": "array",
    "minItems": 8,
    "maxItems": 8,
    "items": {"type": "array", "minItems": 8, "maxItems": 8, "items": {"type": "number"}},
}
_INPUT = {
    "description": "The state of an input; decoded, answer and outcome once it has a result",
    "type": "object",
    "required": ["input", "gesture", "state", "reason", "trial"],
    "properties": {
        "input": {"type": "string", "description": "Its number"},
        "gesture": {"type": "string", "description": "Rock, Paper, Scissor or None"},
        "state": {"enum": ["waiting", "playing", "result", "unused", "over"]},
        "reason": {"type": "string", "description": "Why it is unused"},
        "trial": {"type": "integer", "description": "The trial that it began, or 0"},
        "decoded": {"type": "string", "description": "The gesture read out of the culture"},
        "answer": {"type": "string", "description": "The culture's move"},
        "outcome": {"type": "string", "description": "As the culture sees it"},
    },
}
_REFUSED = {"type": "object", "properties": {"reason": {"type": "string"}}}
_WORD = {"enum": ["Rock", "Paper", "Scissor", "None"]}

_NUMBER = {
    "name": "input",
    "in": "query",
    "schema": {"type": "string"},
    "description": "An input's number; without it, the result that stands",
}
_FORM = {
    "name": "form",
    "in": "query",
    "schema": {"enum": ["", "original"]},
    "description": "As the original API: always 200; None also means that there is no result yet",
}


def _answer(description: str, schema: dict[str, Any], kind: str = "text/plain") -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _refusals(*others: tuple[str, str]) -> dict[str, Any]:
    every = [("401", "The token is missing or wrong"), ("429", "Too many requests")]
    return {
        status: _answer(text, _REFUSED, "application/json") for status, text in [*every, *others]
    }


def _get(summary: str, ok: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": summary, "responses": {"200": ok, **_refusals()}}
    if parameters:
        operation["parameters"] = list(parameters)
        operation["responses"] |= _refusals(("404", "No such input"))
        operation["responses"]["410"] = _answer("It began no trial", _INPUT, "application/json")
    return operation


_TEXT = {"type": "string"}
_OUTPUT = _get("The result of the trial that the last input began",
               _answer("The decoded gesture", _WORD), _NUMBER, _FORM)  # fmt: skip
_OUTPUT["responses"]["200"]["content"]["application/json"] = {"schema": _INPUT}
_OUTPUT["responses"]["204"] = {"description": "No result yet"}
_OUTPUT["responses"] |= _refusals(("400", "No such form"))

_POST = {
    "summary": "Show the culture what a sensor sees: 8 x 8 temperatures",
    "requestBody": {"required": True, "content": {"application/json": {"schema": _FRAME}}},
    "responses": {
        "200": _answer("Accepted, and on the stream", _INPUT, "application/json"),
        **_refusals(
            ("400", "No frame; nothing happened"),
            ("403", "Posted by a web page"),
            ("413", "The body is too large"),
            ("503", "The streams cannot be reached"),
        ),
    },
}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "CREPE's gateway for sensors",
        "version": "1",
        "description": "Paths answer with and without the slash at their end.",
    },
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "security": [{"token": []}],
    "paths": {
        "/": {"get": _get("A greeting", _answer("Hello, World!", _TEXT))},
        "/hw-api/input/": {"post": _POST, "get": _get("Help", _answer("A sentence", _TEXT))},
        "/hw-api/output/": {"get": _OUTPUT},
        "/hw-api/ready/": {
            "get": _get(
                "Whether a result stands at output/",
                _answer("True or False", {"enum": ["True", "False"]}),
                _NUMBER,
            )
        },
        "/hw-api/echo/": {
            "get": _get("The last frame that was accepted", _answer("As it was sent", _TEXT))
        },
        "/openapi.json": {
            "get": _get("This document", _answer("OpenAPI 3.1", {}, "application/json"))
        },
    },
}
