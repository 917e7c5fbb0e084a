"""ASGI applications called without a server, and sessions that are fed message by message."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from crepe.dashboard.session_view import SessionView
from crepe.electrodes.layouts import grid_labels
from crepe.messages import StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry

HOST = "127.0.0.1:8080"


class Answer:
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
def ask() -> Callable[..., Answer]:
    """Sends a request to an ASGI application and gives its answer."""

    def ask(app, method="GET", path="/", headers=(), bodies=(b"",), *, query="", kind="http"):
        answer = Answer()
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
            # without it a file is not sent once `receive` has nothing more
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in all_headers],
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 50_000),
            "scheme": "ws" if kind == "websocket" else "http",
        }
        asyncio.run(app(scope, receive, answer.send))
        return answer

    return ask


def info(message, n_channels=60, **more):
    return StreamInfo(message, 10_000, labels=grid_labels(n_channels), **more)


class Fed:
    """A session that is fed message by message."""

    def __init__(self, n_channels=60, experiment=None):
        self.session_view = SessionView("s", experiment)
        self.session_view.learn(
            {
                "data": info("Segment", n_channels, scale_uv=(0.5,)),
                "data:spikes": info("Spikes", n_channels),
                "data:truth": info("Spikes", n_channels),
                "result:game": info("GameState", n_channels),
                "result:stimuli": info("Stimulus", n_channels),
                "result:delivered": info("Delivered", n_channels),
                "result:commands": info("Command", n_channels),
                "result:control": info("Command", n_channels),
            }
        )

    def take(self, stream, *messages):
        start, stop = messages[0].start, messages[-1].stop
        payload = codec.pack(messages, start, stop)
        self.session_view.take(stream, Entry(start, stop, payload))


@pytest.fixture
def session() -> type[Fed]:
    """Makes a session of the usual streams."""
    return Fed


@pytest.fixture
def unpacked() -> Callable[[bytes], tuple[dict[str, Any], dict[str, Any]]]:
    """Unpacks a frame as the browser does."""

    def unpacked(frame):
        """As the browser does it."""
        length = int.from_bytes(frame[:4], "little")
        head = json.loads(frame[4 : 4 + length])
        at, arrays = 4 + length, {}
        for about in head["arrays"]:
            kind, n = np.dtype(about["dtype"]), int(np.prod(about["shape"]))
            assert at % 8 == 0
            arrays[about["name"]] = np.frombuffer(frame, kind, n, at).reshape(about["shape"])
            at += -(-n * kind.itemsize // 8) * 8
        assert at == len(frame)
        return head, arrays

    return unpacked
