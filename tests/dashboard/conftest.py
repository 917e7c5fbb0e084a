"""ASGI applications asked directly, without a server."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

HOST = "127.0.0.1:8080"


class Asked:
    """What an application answered to one request."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        elif message["type"] == "websocket.close":
            self.status = 403
        elif message["type"] == "websocket.accept":
            self.status = 101


@pytest.fixture
def ask() -> Callable[..., Asked]:
    """Sends a request to an ASGI application and gives its answer."""

    def ask(app, method="GET", path="/", headers=(), bodies=(b"",), *, query="", kind="http"):
        found = Asked()
        parts = [
            {"type": "http.request", "body": body, "more_body": i + 1 < len(bodies)}
            for i, body in enumerate(bodies)
        ]
        if kind == "websocket":
            parts = [{"type": "websocket.connect"}]

        async def receive():
            return parts.pop(0) if parts else {"type": "http.disconnect"}

        names = {name.lower() for name, _ in headers}
        all_headers = list(headers) if "host" in names else [("host", HOST), *headers]
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in all_headers],
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 50_000),
            "scheme": "ws" if kind == "websocket" else "http",
        }
        asyncio.run(app(scope, receive, found.send))
        return found

    return ask
