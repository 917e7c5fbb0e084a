"""Requests to the program `rhx`, which alone may command RHX. Light: `crepe stop` imports it."""

import json
import socket
import time
from pathlib import Path
from typing import Any

from crepe.errors import DeviceError

SERVICE_SOCKET = "rhx.sock"
"""Name of the program's socket in the run directory."""

DEAD = (
    "the program `rhx`, which alone can command RHX, does not answer: the instrument may still run "
    "and stimulate; press Stop on the RHX computer"
)
_LONGEST = 1 << 20  # bytes of an answer


class ServiceClient:
    """A connection to the program of one run directory; opened at the first request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    def call(self, request: str, wait_s: float, **fields: Any) -> dict[str, Any]:
        """Return the answer to a request.

        Raises DeviceError if the program does not answer within `wait_s`, or refuses.
        """
        deadline_s = time.monotonic() + wait_s
        line = json.dumps({"request": request, **fields}).encode() + b"\n"
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(wait_s)
                self._socket.connect(str(self._path))
            self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
            self._socket.sendall(line)
            answer = self._answer(deadline_s)
        except (OSError, ValueError) as error:
            self.close()
            raise ServiceDeadError(f"{DEAD} ({self._path}: {error})") from error
        if "error" in answer:
            raise DeviceError(str(answer["error"]))
        return answer

    def _answer(self, deadline_s: float) -> dict[str, Any]:
        assert self._socket is not None
        # Byte by byte would be slow, and more than the line may follow: samples, after `begin`.
        data = b""
        while not data.endswith(b"\n"):
            self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
            ahead = self._socket.recv(_LONGEST, socket.MSG_PEEK)
            if not ahead:
                raise OSError("closed")
            data += self._socket.recv(ahead.find(b"\n") + 1 or len(ahead))
        answer: dict[str, Any] = json.loads(data)
        return answer

    def take_socket(self) -> socket.socket:
        """Give up the connection, on which samples follow an answer to `begin`."""
        assert self._socket is not None
        taken, self._socket = self._socket, None
        return taken

    def close(self) -> None:
        """Disconnect; harmless to repeat."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class ServiceDeadError(DeviceError):
    """The program that owns the command connection does not answer."""
