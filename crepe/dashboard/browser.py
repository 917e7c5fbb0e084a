"""One browser at the other end of a WebSocket: what it says, and when it can take a frame."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from starlette.websockets import WebSocket, WebSocketDisconnect


class Browser:
    """Sends a frame only when the last one has been acknowledged (`{"got": true}`).

    That a frame was sent says nothing: sockets take in megabytes for a browser that sleeps, and
    those would be frames of the past. What else the browser says goes to `told`.
    """

    def __init__(self, socket: WebSocket, told: Callable[[dict[str, Any]], object]) -> None:
        self._socket = socket
        self._told = told
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
        """Wait until it has got all that was sent; False if it is gone."""
        await self._may_send.wait()
        return not self._is_gone

    async def send(self, frame: bytes) -> None:
        """Send a frame."""
        self._may_send.clear()
        await self._socket.send_bytes(frame)

    async def _listen(self) -> None:
        try:
            with suppress(WebSocketDisconnect, RuntimeError):
                while True:
                    self._hear(await self._socket.receive_text())
        finally:
            self._is_gone = True
            self._may_send.set()

    def _hear(self, text: str) -> None:
        with suppress(ValueError):
            words = json.loads(text)
            if isinstance(words, dict) and words.get("got"):
                self._may_send.set()
            elif isinstance(words, dict):
                self._told(words)
