"""One dedicated connection to the Redis server: hiredis on the bare socket, no pool, no retries.

On a cluster it is a connection to the one node that has the culture.

A client library's pool, hooks and option handling would be most of the cost of an XADD, above all
when the caches are cold.
"""

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NoReturn

import hiredis

from crepe.errors import StoreError
from crepe.redis_server.address import without_password
from crepe.redis_server.cluster import CultureLogin, ask, first_part, node_in, url_of
from crepe.redis_server.find_url import CULTURE
from crepe.redis_server.login import ConnectionLostError, login_to
from crepe.redis_server.refusals import code_of, with_advice
from crepe.redis_server.reply_reader import ReplyReader

log = logging.getLogger(__name__)

LONGEST_BLOCK_S = 0.1  # limit of a blocking command in the server
_REPLY_S = LONGEST_BLOCK_S + 1.0  # without a reply for so long, the server counts as lost

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
    """The server did not execute a command; it may later."""


class OutOfMemoryError(NotNowError):
    """The server is at its memory ceiling."""


class DiskFullError(NotNowError):
    """The server cannot write its append-only file: as a rule the disk is full."""


class OtherNodeError(NotNowError):
    """Another node has the culture, or will have it: one is looked for with a new connection."""


class MovingError(NotNowError):
    """The keys of the culture are on their way to another node: those of a command on both."""


class AskError(MovingError):
    """The key of a command is already on the node to which the culture moves."""


_ERRORS = {
    "LOADING": LoadingError,
    "OOM": OutOfMemoryError,
    "MISCONF": DiskFullError,
    "ASK": AskError,
    "TRYAGAIN": MovingError,
    # The last three in a failover: before it, after it, and for a read that waits in the middle.
    **dict.fromkeys(
        ("MOVED", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "UNBLOCKED"), OtherNodeError
    ),
}


class CommandRefusedError(StoreError):
    """The server refuses a command: a permission is missing, or a key is of another kind."""


class RedisConnection:
    """A connection that sends commands and reads replies; its caller handles a lost connection.

    `culture` is that of the keys in all commands.
    """

    def __init__(self, url: str, name: str, culture: str = CULTURE) -> None:
        self.place = without_password(url)
        self.url = url
        self.name = name
        self.is_connected = False
        self._is_lost = False  # since the last warning
        self.first_part: str | None = None  # of every key; None before the first connection
        self._culture = culture
        self._login = CultureLogin(url, culture)
        self._socket: socket.socket
        self._replies: ReplyReader
        self._n_later = 0  # replies that are still to be read
        self._later: list[Any] = []

    def connect(self) -> None:
        """Connect, and check that the server is ready.

        Raises ConnectionLostError while no server replies, and StoreError for what does not pass
        with time: a wrong password, a missing database, a server of another kind.
        """
        try:
            self._socket = self._login.open(_REPLY_S)
            self._replies = ReplyReader(self._socket, _error)
            is_cluster = bool(self._login.is_cluster)
            self.first_part = first_part(self._culture, is_cluster=is_cluster)
            # CLIENT LIST shows by the name that a writer is connected.
            for command in (("CLIENT", "SETNAME", self.name), ("PING",)):
                self._socket.sendall(pack(command))
                reply = self._replies.read()
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
            log.warning("found Redis again: %s", self._login.place)
            self._is_lost = False

    def disconnect(self) -> None:
        """Close the socket; harmless to repeat."""
        self.is_connected = False
        self._n_later, self._later = 0, []
        self._login.close()

    def call(self, *arguments: Argument) -> Any:
        """Send one command and return its reply.

        Raises ConnectionLostError, NotNowError, or CommandRefusedError with the server's text.
        """
        try:
            self._socket.sendall(pack(arguments))
            self._read_later()
            reply = self._replies.read()
        except OSError as error:
            self._lose(error)
        except BaseException:  # Ctrl-C: the reply would be taken for that of the next command
            self.disconnect()
            raise
        if isinstance(reply, AskError):
            reply = self._ask(reply, arguments)
        if isinstance(reply, Exception):
            self.refuse(reply)
        return reply

    def call_all(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        """Send commands in one round trip and return their replies.

        Raises as `call` does, for the first error reply.
        """
        replies = self.exchange(b"".join(map(pack, commands)), b"", len(commands))
        for i, reply in enumerate(replies):
            if isinstance(reply, AskError):
                replies[i] = self._ask(reply, commands[i])
            if isinstance(replies[i], Exception):
                self.refuse(replies[i])
        return replies

    def _ask(self, redirection: AskError, command: tuple[Argument, ...]) -> Any:
        """Send a command to the node that has its key already; return the reply."""
        url = url_of(node_in(str(redirection), self._login.url), self._login.url)
        try:
            with closing(login_to(url)) as login:
                opened = login.open(_REPLY_S)
                ask(opened, "ASKING")
                return ask(opened, *command, reply_error=_error)
        except OSError as error:
            raise ConnectionLostError(f"{without_password(url)}: {error}") from error

    def exchange(self, packed: bytes, then: bytes, n_replies: int, n_later: int = 0) -> list[Any]:
        """Send packed commands in two parts and return the replies; an error reply is a value.

        `then` holds the commands without haste: as a rule the server has executed `packed` when
        they come. The last `n_later` replies are not waited for; `later` returns them. Raises
        ConnectionLostError.
        """
        try:
            self._socket.sendall(packed)
            if then:
                self._socket.sendall(then)
            self._read_later()
            replies = [self._replies.read() for _ in range(n_replies)]
        except OSError as error:
            self._lose(error)
        except BaseException:  # Ctrl-C: the reply would be taken for that of the next command
            self.disconnect()
            raise
        self._n_later = n_later
        return replies

    def later(self) -> list[Any]:
        """Return the replies that `exchange` has not waited for, once. Raises as that does."""
        if self._n_later:
            self.exchange(b"", b"", 0)
        replies, self._later = self._later, []
        return replies

    def _read_later(self) -> None:
        if self._n_later:
            self._later = [self._replies.read() for _ in range(self._n_later)]
            self._n_later = 0

    def refuse(self, reply: Exception) -> NoReturn:
        """Raise for an error reply, as `call` does."""
        if isinstance(reply, LoadingError):
            self._lose(reply)  # the server is not ready yet
        if isinstance(reply, OtherNodeError):
            self._leave(reply)
        elif isinstance(reply, NotNowError):
            raise reply
        raise CommandRefusedError(f"{self._login.place}: {with_advice(str(reply))}") from reply

    def _leave(self, reply: OtherNodeError) -> None:
        """Disconnect from a node that does not have the culture, and raise its reply.

        Returns if no other node can be looked for.
        """
        code = code_of(str(reply))
        if code == "MOVED" and not self._login.is_cluster:
            return  # the user may not use CLUSTER SLOTS
        self.disconnect()
        if code != "MOVED":  # a node that names its successor also knows its address
            self._login.try_another()
        raise type(reply)(f"{self._login.place}: {with_advice(str(reply))}") from reply

    def _lose(self, error: Exception) -> NoReturn:
        self.disconnect()
        log.warning("lost Redis: %s: %s", self._login.place, error)
        self._is_lost = True
        raise ConnectionLostError(f"{self._login.place}: {error}") from error


def _error(text: str) -> Exception:
    """Return the exception for an error reply, by its first word.

    For a refused transaction that is the first word of the reason.
    """
    return _ERRORS.get(code_of(text), ReplyError)(text)
