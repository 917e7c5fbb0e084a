"""The replies that arrive on one connection, one after the other."""

import socket
from collections.abc import Callable
from typing import Any

import hiredis

from crepe.redis_server.large_reply import LargeReply, is_large

_READ_BYTES = 1 << 16


class ReplyReader:
    """The reader of what a server replies on a connection; hiredis parses small replies.

    Parameters
    ----------
    error
        Returns the value of an error reply.
    """

    def __init__(self, opened: socket.socket, error: Callable[[str], Exception]) -> None:
        self._socket = opened
        self._error = error
        self._parser = hiredis.Reader(replyError=error)
        self._buffer = bytearray(_READ_BYTES)

    def read(self) -> Any:
        """Return the next reply; receive what is missing of it.

        Raises OSError if the connection ends first, and HiredisError for other bytes than a reply.
        """
        parser: Any = self._parser
        # Before hiredis begins to parse: afterwards it may have taken in all of a beginning.
        has_begun = parser.has_data()
        # False is hiredis's mark of an incomplete reply; protocol 2 has no truth values.
        reply = parser.gets() if has_begun else False
        while reply is False:
            n = self._socket.recv_into(self._buffer)
            if not n:
                raise ConnectionResetError("closed by the server")
            parser.feed(self._buffer, 0, n)
            reply = parser.gets()
            if reply is False and not has_begun and is_large(memoryview(self._buffer)[:n]):
                return self._read_large(bytes(self._buffer[:n]))
            has_begun = True
        return reply

    def _read_large(self, begin: bytes) -> Any:
        """Receive the rest of a reply without hiredis, which has its beginning already."""
        self._parser = hiredis.Reader(replyError=self._error)
        large = LargeReply(self._socket, begin, self._error)
        reply = large.read()
        self._parser.feed(large.rest)
        return reply
