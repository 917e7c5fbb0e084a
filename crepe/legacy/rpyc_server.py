"""A port of RPyC that serves one stream."""

import hmac
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rpyc.utils.authenticators import AuthenticationError
from rpyc.utils.server import ThreadedServer

from crepe.errors import DeviceError
from crepe.legacy.connection import Connection
from crepe.legacy.rpyc_protocol import connect
from crepe.legacy.rpyc_stream import ReadStream
from crepe.legacy.settings import RPYC_CONFIG
from crepe.store.contract import Readable

log = logging.getLogger(__name__)

_MOST_CLIENTS = 100
_TOKEN_TIMEOUT_S = 5.0


class StreamDoor:
    """A stream for a server of RPyC: each client reads it through a store of its own."""

    def __init__(self, name: str, open_store: Callable[[], Readable]) -> None:
        self._name = name
        self._open_store = open_store

    def get_service_name(self) -> str:
        """Return the name for RPyC's log."""
        return self._name

    def _connect(self, channel: Any, config: dict[str, Any]) -> Any:
        """Serve one client; RPyC calls this."""
        read = ReadStream(Connection(self._open_store(), self._name))
        return connect(read.functions(), channel, config)


class TokenAuthenticator:
    """A check for servers of RPyC: a client first sends a token, as a line."""

    def __init__(self, token: str) -> None:
        self._line = f"{token}\n".encode()

    def __call__(self, client: socket.socket) -> tuple[socket.socket, str]:
        """Return the client and its credentials. Raises AuthenticationError."""
        line = b""
        client.settimeout(_TOKEN_TIMEOUT_S)
        # Byte by byte up to the length of the token: what follows belongs to RPyC.
        with suppress(OSError):
            while len(line) < len(self._line) and (received := client.recv(1)):
                line += received
        if not hmac.compare_digest(line, self._line):
            client.close()  # RPyC leaves it open
            raise AuthenticationError("wrong token")
        client.settimeout(None)
        return client, "token"


class _Server(ThreadedServer):  # type: ignore[misc]  # RPyC has no types
    """A server with a limit on its clients."""

    def __init__(self, door: StreamDoor, **settings: Any) -> None:
        try:
            super().__init__(door, **settings)
        except OSError:
            self.listener.close()
            raise

    def _accept_method(self, sock: socket.socket) -> None:
        if len(self.clients) <= _MOST_CLIENTS:
            super()._accept_method(sock)
            return
        log.warning("port %d has %d clients; refused another", self.port, _MOST_CLIENTS)
        self.clients.discard(sock)
        sock.close()


def started(door: StreamDoor, host: str, port: int, token: str) -> ThreadedServer:
    """Return a server that serves on threads of its own until it is closed.

    Raises DeviceError if the port is taken, or the address is not of this machine.
    """
    logger = log.getChild("clients")
    logger.setLevel(logging.WARNING)  # else three lines for each client
    try:
        server = _Server(
            door,
            hostname=host,
            ipv6=":" in host,
            port=port,
            authenticator=TokenAuthenticator(token) if token else None,
            protocol_config=dict(RPYC_CONFIG),
            logger=logger,
        )
        server._listen()  # not on its thread: a port that is taken is an error here
    except OSError as error:
        raise DeviceError(
            f"[rpyc] {host} port {port}: {error.strerror}; free it, or choose another"
        ) from error
    threading.Thread(target=server.start, name=f"rpyc port {port}", daemon=True).start()
    log.info("%s: RPyC at %s port %d", door.get_service_name(), host, server.port)
    return server
