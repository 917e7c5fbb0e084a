"""A socket to a Redis server, connected and logged in.

CREPE's own server is reached by a unix socket and, as its owner, by a password. For every other
server redis-py reads the options of the URL, logs in and does TLS. It is imported then only: with
its asyncio half it would take a fifth of the start of each program.
"""

# Decision 46: what programs do not import.

import socket
import weakref
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import hiredis

from crepe.errors import StoreError
from crepe.redis_server.address import check_address, without_password
from crepe.redis_server.refusals import with_advice
from crepe.redis_server.users import owners_account


class ConnectionLostError(Exception):
    """The server does not reply: it may have executed the commands sent or not."""


class Login(Protocol):
    """A way to a server; one socket at a time."""

    def open(self, timeout_s: float) -> socket.socket:
        """Return a connected socket on which no reply is due, with a timeout for each operation.

        Raises OSError or ConnectionLostError while no server answers, and StoreError for what does
        not pass with time: a wrong password, a missing database.
        """
        ...

    def close(self) -> None:
        """Close the socket; harmless to repeat."""
        ...


def login_to(url: str) -> Login:
    """Return the way to the server of a URL. Raises StoreError for one that cannot be read."""
    check_address(url)
    parts = urlsplit(url)
    if parts.scheme == "unix" and not parts.netloc and not parts.query:
        return _UnixSocket(url)
    return _RedisPy(url)


class _UnixSocket:
    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: socket.socket | None = None
        self._drop: weakref.finalize[[], Any] | None = None  # closes the socket, once

    def open(self, timeout_s: float) -> socket.socket:
        if not hasattr(socket, "AF_UNIX"):
            raise StoreError(f"{self._url}: this system has no unix sockets; use redis://HOST:PORT")
        self.close()
        self._socket = socket.socket(socket.AF_UNIX)
        # A store that is dropped unclosed needs no ResourceWarning. In a cycle of references the
        # socket might be collected before this object, so that `__del__` would come too late.
        self._drop = weakref.finalize(self, self._socket.close)
        self._drop.atexit = False
        self._socket.settimeout(timeout_s)
        self._socket.connect(unquote(urlsplit(self._url).path))
        # Read anew: the server may be another one after a lost connection.
        if account := owners_account(self._url):
            command: Any = ("AUTH", *account.values())  # its stub has one argument only
            self._socket.sendall(hiredis.pack_command(command))
            reply = self._line()
            if not reply.startswith(b"+"):
                text = reply.decode(errors="replace").removeprefix("-")
                raise StoreError(f"{self._url}: {with_advice(text)}")
        return self._socket

    def _line(self) -> bytes:
        """Return the next line of the server, and not a byte after it."""
        assert self._socket is not None
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise ConnectionLostError("closed by the server")
            line += byte
        return line[:-2]

    def close(self) -> None:
        if self._drop is not None:
            self._drop()


class _RedisPy:
    def __init__(self, url: str) -> None:
        from redis.connection import (
            Connection,
            SSLConnection,
            UnixDomainSocketConnection,
            parse_url,
        )

        self._place = without_password(url)
        try:
            settings = dict(parse_url(url))  # type: ignore[no-untyped-call] # redis-py's
        except ValueError:  # its text may have parts of the URL
            raise StoreError(f"Redis URL {self._place!r}: an option of it cannot be read") from None
        kind = settings.pop("connection_class", None)
        if kind is None:
            kind = UnixDomainSocketConnection if "path" in settings else Connection
        is_tcp = issubclass(kind, Connection | SSLConnection)
        self._connection: Any = kind(
            **settings,
            **({"socket_keepalive": True} if is_tcp else {}),
            protocol=2,  # mappings come as flat lists, as redis_fields expects
            driver_info=None,
            retry=None,
        )

    def open(self, timeout_s: float) -> socket.socket:
        from redis.exceptions import AuthenticationError, RedisError, TimeoutError
        from redis.exceptions import ConnectionError as RedisConnectionError

        self._connection.socket_timeout = timeout_s
        self._connection.socket_connect_timeout = timeout_s
        try:
            self._connection.connect()
        except RedisError as error:
            # To redis-py a wrong password is a ConnectionError, but no retry repairs it; a server
            # that loads its data (BusyLoadingError) is one, too.
            is_late = isinstance(error, RedisConnectionError | TimeoutError)
            text = _text(error)
            if is_late and not isinstance(error, AuthenticationError):
                raise ConnectionLostError(text) from None
            raise StoreError(f"{self._place}: {text}") from None
        # Safe: it has read all replies that were due, so that none is left in its buffer.
        opened: socket.socket = self._connection._sock
        return opened

    def close(self) -> None:
        self._connection.disconnect()


def _text(error: Exception) -> str:
    """Return what redis-py or the server states, and what to do about it."""
    # redis-py leaves the server's code out of errors that have a class of their own.
    code = "WRONGPASS " if "username-password" in str(error) else ""
    return with_advice(f"{code}{error}").removeprefix(code)
