"""Serves the hardware API: its port, and the file that says where it is."""

import errno
import logging
import os
import socket
from contextlib import nullcontext
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from crepe import places
from crepe.errors import DeviceError
from crepe.sensor.settings import SensorTable

log = logging.getLogger(__name__)

SENSOR_FILE = "sensor.json"
"""In the run directory: the url of the door that runs there."""

USUAL_PORT = 5000
_PORTS_TRIED = 100
_END_S = 2  # a sensor that is in the middle of a request then is cut off


class DoorServer:
    """An HTTP server for an application; the port is taken at once.

    Raises DeviceError if the port that was asked for is taken, or the address is not ours.
    """

    def __init__(self, app: ASGIApp, table: SensorTable, run_directory: Path) -> None:
        self._file = run_directory / SENSOR_FILE
        self._socket = _bound(table.host, table.port)
        self.port = int(self._socket.getsockname()[1])
        host = f"[{table.host}]" if ":" in table.host else table.host
        self.url = f"http://{host}:{self.port}"
        settings = uvicorn.Config(
            app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=_END_S
        )
        self._http = uvicorn.Server(settings)

    async def run(self) -> None:
        """Serve until `stop`; meanwhile the file is there."""
        self._http.capture_signals = nullcontext  # type: ignore  # our own handlers are enough
        places.write_json(self._file, {"url": self.url, "port": self.port, "pid": os.getpid()})
        log.info("sensors come in at %s/hw-api/input/", self.url)
        try:
            await self._http.serve(sockets=[self._socket])
        finally:
            self._file.unlink(missing_ok=True)
            self._socket.close()

    def stop(self) -> None:
        """End `run`; call it in the event loop."""
        self._http.should_exit = True


def _bound(host: str, port: int | None) -> socket.socket:
    """A listening socket on the port; without one, on the usual port or the next free one."""
    first, n = (USUAL_PORT, _PORTS_TRIED) if port is None else (port, 1)
    for candidate in range(first, first + n):
        try:
            return _listening(host, candidate)
        except OSError as error:
            if n == 1 or error.errno != errno.EADDRINUSE:
                raise DeviceError(
                    f"[sensor] {host} port {candidate}: {error.strerror}; free it, choose another, "
                    "or leave `port` out"
                ) from error
    raise DeviceError(f"[sensor] ports {first} to {first + n - 1}: all taken, one must be free")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(64)  # claims it: another that has bound it, too, is refused from now
    except OSError:
        found.close()
        raise
    return found
