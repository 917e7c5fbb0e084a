"""Serves an application over HTTP: its port, and the file that says where it is."""

import errno
import logging
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import DeviceError

log = logging.getLogger(__name__)

_PORTS_TRIED = 100
_END_S = 2  # who is in the middle of a request then is cut off
_LARGEST_WORD = 65_536  # bytes of what a browser may say over a WebSocket


def server_file(program: str) -> str:
    """In the run directory: the url of the program that runs there."""
    return f"{program}.json"


class HttpServer:
    """An HTTP server for an application; the port is taken at once.

    Parameters
    ----------
    program
        Whose it is, for messages and for the file in the run directory.
    port
        None for the one it had last in this run directory, so that a browser finds it again; or
        `usual_port`, or the next that is free.

    Raises DeviceError if the port that was asked for is taken, or the address is not ours.
    """

    def __init__(
        self,
        app: ASGIApp,
        program: str,
        run_directory: Path,
        *,
        host: str,
        port: int | None,
        usual_port: int,
        has_websockets: bool = False,
    ) -> None:
        self._program = program
        self._file = run_directory / server_file(program)
        last = run_directory / f"{program}-port.json"
        self._socket = _bound(program, host, port, [*_port_in(last), *_ports(usual_port)])
        self.port = int(self._socket.getsockname()[1])
        paths.write_json(last, {"port": self.port})
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        settings = uvicorn.Config(
            app,
            log_level="warning",
            lifespan="off",
            ws="websockets-sansio" if has_websockets else "none",
            ws_max_size=_LARGEST_WORD,
            ws_per_message_deflate=False,  # what is sent are numbers, and mostly to this machine
            timeout_graceful_shutdown=_END_S,
            server_header=False,
            proxy_headers=False,  # who calls is who calls
        )
        self._http = uvicorn.Server(settings)

    async def run(self) -> None:
        """Serve until `stop`; meanwhile the file is there."""
        self._http.capture_signals = nullcontext  # type: ignore  # our own handlers are enough
        process = ProcessIdentity.own()._asdict()
        paths.write_json(self._file, {"url": self.url, "port": self.port, **process})
        log.info("%s: serving at %s", self._program, self.url)
        try:
            await self._http.serve(sockets=[self._socket])
        finally:
            self._file.unlink(missing_ok=True)
            self._socket.close()

    def stop(self) -> None:
        """End `run`; call it in the event loop."""
        self._http.should_exit = True


def _port_in(path: Path) -> list[int]:
    found = (paths.read_json(path) or {}).get("port")
    return [found] if isinstance(found, int) and 0 < found < 65_536 else []


def _ports(usual_port: int) -> range:
    return range(usual_port, usual_port + _PORTS_TRIED)


def _bound(program: str, host: str, port: int | None, otherwise: Sequence[int]) -> socket.socket:
    """A listening socket on the port; without one, on the first of the others that is free."""
    candidates = otherwise if port is None else [port]
    for candidate in candidates:
        try:
            return _listening(host, candidate)
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise DeviceError(
                    f"[{program}] {host} port {candidate}: {error.strerror}; free it, choose "
                    "another, or leave `port` out"
                ) from error
    raise DeviceError(
        f"[{program}] ports {min(candidates)} to {max(candidates)}: all taken, one must be free"
    )


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
