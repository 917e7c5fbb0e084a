"""One dedicated connection to the Redis server: hiredis on the bare socket, no pool, no retries.

redis-py finds the server, logs in and does TLS; then commands go past it. Its pool, hooks and
option handling are most of what an XADD costs, above all when the caches are cold.
"""

import logging
import socket
from collections.abc import Callable
from typing import Any, NoReturn

import hiredis
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from crepe.errors import StoreError
from crepe.redis_server.choice import without_password

log = logging.getLogger(__name__)

LONGEST_BLOCK_S = 0.1  # a blocking command waits no longer in the server
_REPLY_S = LONGEST_BLOCK_S + 1.0  # a server that is silent for so long is taken as lost
_READ_BYTES = 1 << 16
_LATER = (RedisConnectionError, RedisTimeoutError)  # BusyLoadingError is one of the first
_ERRORS = {"LOADING": BusyLoadingError, "OOM": OutOfMemoryError}

Word = str | bytes | int | float
pack: Callable[[tuple[Word, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub knows commands of one word only
"""The bytes of a command."""


def pack_words(*words: Word) -> bytes:
    """The bytes of a part of a command, without how many words there are in all."""
    packed = pack(words)
    return packed[packed.index(b"\n") + 1 :]


class ConnectionLostError(Exception):
    """Nobody answers: what was sent may have been carried out or not."""


class CommandRefusedError(StoreError):
    """The server understood, and will not: a right that is missing, a key of another kind."""


class RedisConnection:
    """Sends commands and reads replies; who calls decides what a lost connection means."""

    def __init__(self, url: str, name: str) -> None:
        self.place = without_password(url)
        try:
            settings = dict(parse_url(url))  # type: ignore[no-untyped-call] # redis-py's
        except ValueError as error:
            raise StoreError(f"Redis URL {self.place!r}: {error}") from error
        kind = settings.pop("connection_class", None)
        if kind is None:
            kind = UnixDomainSocketConnection if "path" in settings else Connection
        self.url = url
        self.name = name
        self.is_connected = False
        is_tcp = issubclass(kind, Connection | SSLConnection)
        self._connection: Any = kind(
            **settings,
            **({"socket_keepalive": True} if is_tcp else {}),
            protocol=2,
            client_name=name,
            driver_info=None,
            socket_timeout=_REPLY_S,
            socket_connect_timeout=_REPLY_S,
            retry=None,
        )
        self._socket: socket.socket
        self._replies: hiredis.Reader
        self._buffer = bytearray(_READ_BYTES)

    def connect(self) -> None:
        """Connect, and see that the server is ready.

        Raises ConnectionLostError while no server answers, and StoreError for what waiting does not
        mend: a wrong password, a database that is not there, a server of another kind.
        """
        try:
            self._connection.connect()
            self._connection.send_command("PING")
            self._connection.read_response()
        except RedisError as error:
            self.disconnect()
            if isinstance(error, _LATER) and not isinstance(error, AuthenticationError):
                raise ConnectionLostError(
                    f"{self.place}: no Redis server answers ({error})"
                ) from error
            raise StoreError(f"{self.place}: {error}") from error
        except OSError as error:
            self.disconnect()
            raise ConnectionLostError(f"{self.place}: no Redis server answers ({error})") from error
        self._begin()
        self.is_connected = True

    def disconnect(self) -> None:
        self.is_connected = False
        self._connection.disconnect()

    def _begin(self) -> None:
        """Take the socket over from redis-py."""
        self._socket = self._connection._sock
        self._replies = hiredis.Reader(replyError=_error)

    def call(self, *words: Word) -> Any:
        """One command, one reply.

        Raises ConnectionLostError, OutOfMemoryError, or CommandRefusedError (the server says why).
        """
        try:
            self._socket.sendall(pack(words))
            reply = self._reply()
        except (RedisConnectionError, OSError) as error:
            self._lose(error)
        except BaseException:  # Ctrl-C: a reply may be on its way that nobody would expect
            self.disconnect()
            raise
        if isinstance(reply, Exception):
            self.refuse(reply)
        return reply

    def exchange(self, packed: bytes, then: bytes, n_replies: int) -> list[Any]:
        """Packed commands in two sends, and a reply for each; an error reply is a value here.

        What can wait is in `then`: as a rule the server has acted on the first when it comes.
        Raises ConnectionLostError.
        """
        try:
            self._socket.sendall(packed)
            self._socket.sendall(then)
            return [self._reply() for _ in range(n_replies)]
        except (RedisConnectionError, OSError) as error:
            self._lose(error)
        except BaseException:  # Ctrl-C: a reply may be on its way that nobody would expect
            self.disconnect()
            raise

    def refuse(self, reply: Exception) -> NoReturn:
        """Raise what `call` does for the error that came as a reply."""
        if isinstance(reply, BusyLoadingError):
            self._lose(reply)  # the server is not ready yet
        if isinstance(reply, OutOfMemoryError):
            raise reply
        raise CommandRefusedError(f"{self.place}: {reply}") from reply

    def _lose(self, error: Exception) -> NoReturn:
        self.disconnect()
        log.warning("lost Redis: %s: %s", self.place, error)
        raise ConnectionLostError(f"{self.place}: {error}") from error

    def _reply(self) -> Any:
        replies: Any = self._replies
        while (reply := replies.gets()) is False:
            n = self._socket.recv_into(self._buffer)
            if not n:
                raise ConnectionResetError("closed by the server")
            replies.feed(self._buffer, 0, n)
        return reply


def _error(text: str) -> Exception:
    """The exception for an error reply, by its first word, or by why a transaction was refused."""
    why = text.removeprefix("EXECABORT Transaction discarded because of: ")
    return _ERRORS.get(why.partition(" ")[0], ResponseError)(text)
