"""One browser at the other end of a WebSocket: its messages, and when it can take a frame."""

# Decision 33: why frames wait.

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from starlette.websockets import WebSocket, WebSocketDisconnect

from crepe.web.body import json_object

_UNSUPPORTED = 1003  # RFC 6455, section 7.4.1


class Browser:
    """A browser that gets a frame only when it has acknowledged the last one (`{"got": true}`).

    That the socket has accepted a frame is not enough: sockets buffer megabytes for a browser that
    sleeps, and it would wake up to frames of the past. All other messages of the browser go to
    `on_message`.
    """

    def __init__(self, socket: WebSocket, on_message: Callable[[dict[str, Any]], object]) -> None:
        self._socket = socket
        self._on_message = on_message
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._is_gone = False

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening

    async def can_take(self) -> bool:
        """Wait until the browser has acknowledged the last frame; return False if it is gone."""
        await self._may_send.wait()
        return not self._is_gone

    async def send(self, frame: bytes) -> None:
        """Send a frame."""
        # Before the send, since the acknowledgement may come before it returns.
        self._may_send.clear()
        await self._socket.send_bytes(frame)

    async def _listen(self) -> None:
        try:
            # Starlette raises RuntimeError for a socket that is closed already.
            with suppress(WebSocketDisconnect, RuntimeError):
                while await self._receive():
                    pass
        finally:
            self._is_gone = True
            # Wakes `can_take`, since no acknowledgement will come.
            self._may_send.set()

    async def _receive(self) -> bool:
        """Receive a message; return False if it was the last."""
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            return False
        if message.get("text") is None:
            await self._socket.close(_UNSUPPORTED, "messages must be JSON text, not bytes")
            return False
        with suppress(ValueError):  # a message that is no JSON object is passed over
            fields = json_object(message["text"])
            if fields.get("got"):
                self._may_send.set()
            else:
                self._on_message(fields)
        return True
