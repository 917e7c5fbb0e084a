"""One dedicated connection to the Redis server: hiredis on the bare socket, no pool, no retries.

A client library's pool, hooks and option handling would be most of the cost of an XADD, above all
when the caches are cold.
"""

import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import hiredis

from crepe.errors import StoreError
from crepe.redis_server.address import without_password
from crepe.redis_server.login import ConnectionLostError, login_to
from crepe.redis_server.refusals import code_of, with_advice

log = logging.getLogger(__name__)

LONGEST_BLOCK_S = 0.1  # limit of a blocking command in the server
_REPLY_S = LONGEST_BLOCK_S + 1.0  # without a reply for so long, the server counts as lost
_READ_BYTES = 1 << 16

Argument = str | bytes | int | float
pack: Callable[[tuple[Argument, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub has commands of one argument only
"""Return the bytes of a command."""


def pack_arguments(*arguments: Argument) -> bytes:
    """Return the bytes of a part of a command, without the number of all its arguments."""
    packed = pack(arguments)
    return packed[packed.index(b"\n") + 1 :]


class ReplyError(Exception):
    """An error reply of the server."""


class LoadingError(ReplyError):
    """The server still loads its data."""


class NotNowError(ReplyError):
    """The server takes no writes at present; it may again later."""


class OutOfMemoryError(NotNowError):
    """The server is at its memory ceiling."""


class DiskFullError(NotNowError):
    """The server cannot write its append-only file: as a rule the disk is full."""


_ERRORS = {"LOADING": LoadingError, "OOM": OutOfMemoryError, "MISCONF": DiskFullError}


class CommandRefusedError(StoreError):
    """The server refuses a command: a permission is missing, or a key is of another kind."""


class RedisConnection:
    """A connection that sends commands and reads replies; its caller handles a lost connection."""

    def __init__(self, url: str, name: str) -> None:
        self.place = without_password(url)
        self.url = url
        self.name = name
        self.is_connected = False
        self._is_lost = False  # since the last warning
        self._login = login_to(url)
        self._socket: socket.socket
        self._replies: hiredis.Reader
        self._buffer = bytearray(_READ_BYTES)

    def connect(self) -> None:
        """Connect, and check that the server is ready.

        Raises ConnectionLostError while no server replies, and StoreError for what does not pass
        with time: a wrong password, a missing database, a server of another kind.
        """
        try:
            self._socket = self._login.open(_REPLY_S)
            self._replies = hiredis.Reader(replyError=_error)
            # CLIENT LIST shows by the name that a writer is connected.
            for command in (("CLIENT", "SETNAME", self.name), ("PING",)):
                self._socket.sendall(pack(command))
                reply = self._reply()
                if isinstance(reply, LoadingError):
                    raise ConnectionLostError(str(reply))
                # PING is refused on a full disk, too; such a server can still be read.
                if isinstance(reply, Exception) and not isinstance(reply, NotNowError):
                    raise StoreError(f"{self.place}: {with_advice(str(reply))}") from reply
        except hiredis.HiredisError as error:
            self.disconnect()
            raise StoreError(f"{self.place}: no Redis server ({error})") from error
        except (ConnectionLostError, OSError) as error:
            self.disconnect()
            raise ConnectionLostError(f"{self.place}: no Redis server answers ({error})") from error
        except BaseException:
            self.disconnect()
            raise
        self.is_connected = True
        if self._is_lost:
            log.warning("found Redis again: %s", self.place)
            self._is_lost = False

    def disconnect(self) -> None:
        """Close the socket; harmless to repeat."""
        self.is_connected = False
        self._login.close()

    def call(self, *arguments: Argument) -> Any:
        """Send one command and return its reply.

        Raises ConnectionLostError, NotNowError, or CommandRefusedError with the server's text.
        """
        try:
            self._socket.sendall(pack(arguments))
            reply = self._reply()
        except OSError as error:
            self._lose(error)
        except BaseException:  # Ctrl-C: the reply would be taken for that of the next command
            self.disconnect()
            raise
        if isinstance(reply, Exception):
            self.refuse(reply)
        return reply

    def call_all(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        """Send commands in one round trip and return their replies.

        Raises as `call` does, for the first error reply.
        """
        replies = self.exchange(b"".join(map(pack, commands)), b"", len(commands))
        for reply in replies:
            if isinstance(reply, Exception):
                self.refuse(reply)
        return replies

    def exchange(self, packed: bytes, then: bytes, n_replies: int) -> list[Any]:
        """Send packed commands in two parts and return all replies; an error reply is a value.

        `then` holds the commands without haste: as a rule the server has executed `packed` when
        they come. Raises ConnectionLostError.
        """
        try:
            self._socket.sendall(packed)
            if then:
                self._socket.sendall(then)
            return [self._reply() for _ in range(n_replies)]
        except OSError as error:
            self._lose(error)
        except BaseException:  # Ctrl-C: the reply would be taken for that of the next command
            self.disconnect()
            raise

    def refuse(self, reply: Exception) -> NoReturn:
        """Raise for an error reply, as `call` does."""
        if isinstance(reply, LoadingError):
            self._lose(reply)  # the server is not ready yet
        if isinstance(reply, NotNowError):
            raise reply
        raise CommandRefusedError(f"{self.place}: {with_advice(str(reply))}") from reply

    def _lose(self, error: Exception) -> NoReturn:
        self.disconnect()
        log.warning("lost Redis: %s: %s", self.place, error)
        self._is_lost = True
        raise ConnectionLostError(f"{self.place}: {error}") from error

    def _reply(self) -> Any:
        replies: Any = self._replies
        # False is hiredis's mark of an incomplete reply; protocol 2 has no truth values.
        while (reply := replies.gets()) is False:
            n = self._socket.recv_into(self._buffer)
            if not n:
                raise ConnectionResetError("closed by the server")
            replies.feed(self._buffer, 0, n)
        return reply


def _error(text: str) -> Exception:
    """Return the exception for an error reply, by its first word.

    For a refused transaction that is the first word of the reason.
    """
    return _ERRORS.get(code_of(text), ReplyError)(text)
