"""An HTTP server for an application: its port, and the file that holds its URL."""

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
from crepe.web.links import server_file

log = logging.getLogger(__name__)

_PORTS_TRIED = 100
_OF_RHX = range(5001, 5010)  # Intan's RHX has its data ports there, and reports a taken one as free
_END_S = 2  # given to requests under way; then they are cut off
_LARGEST_MESSAGE = 65_536  # bytes of a browser's message over a WebSocket


def uvicorn_server(
    app: ASGIApp,
    *,
    has_websockets: bool = False,
    keep_alive_s: int | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> uvicorn.Server:
    """Return a server for an application, which leaves signals to the program around it.

    Parameters
    ----------
    has_websockets
        Whether the application takes WebSockets, too.
    keep_alive_s
        How long a connection without requests stays open; None: the default of uvicorn.
    headers
        Name and value of headers that every answer has.
    """
    settings = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        ws="websockets-sansio" if has_websockets else "none",
        ws_max_size=_LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # frames are numbers, and mostly for this machine
        timeout_graceful_shutdown=_END_S,
        server_header=False,
        headers=list(headers),
        proxy_headers=False,  # the address is that of the connection, not one that a client claims
    )
    if keep_alive_s is not None:
        settings.timeout_keep_alive = keep_alive_s
    server = uvicorn.Server(settings)
    server.capture_signals = nullcontext  # type: ignore  # our own handlers are enough
    return server


class HttpServer:
    """A server of an application over HTTP; the port is taken at once.

    Parameters
    ----------
    program
        The program that serves, for messages and for the file in the run directory.
    port
        None for its last port in this run directory, so that a browser finds it again; or
        `usual_port`, or the next that is free.
    token
        The token that `app` requires, for the file.
    public_url
        Where users find it behind a proxy, likewise.

    Raises DeviceError if the requested port is taken, or the address is not of this machine.
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
        token: str,
        public_url: str | None = None,
        has_websockets: bool = False,
    ) -> None:
        self._program = program
        self._file = run_directory / server_file(program)
        last = run_directory / f"{program}-port.json"
        usual = [*_port_in(last), *_ports(usual_port)]
        self._socket = _bound(program, host, port, [it for it in usual if it not in _OF_RHX])
        self.port = int(self._socket.getsockname()[1])
        paths.write_json(last, {"port": self.port})
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._content = {
            "url": self.url,
            "port": self.port,
            "public_url": public_url,
            "token": token,
        }
        self._http = uvicorn_server(app, has_websockets=has_websockets)

    async def run(self) -> None:
        """Serve until `stop`; the file with the URL exists meanwhile."""
        process = ProcessIdentity.own()._asdict()
        paths.write_json(self._file, {**self._content, **process})
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
    port = (paths.read_json(path) or {}).get("port")
    return [port] if isinstance(port, int) and 0 < port < 65_536 else []


def _ports(usual_port: int) -> range:
    return range(usual_port, usual_port + _PORTS_TRIED)


def _bound(program: str, host: str, port: int | None, otherwise: Sequence[int]) -> socket.socket:
    """Return a listening socket on `port`; without one, on the first of the others that is free."""
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
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A restarted program takes its port again, though its old connections linger (TIME_WAIT).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(
            64
        )  # claims it: a second server that has bound it, too, is refused from now
    except OSError:
        listener.close()
        raise
    return listener
