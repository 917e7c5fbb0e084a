"""A reply of the Redis server with large parts, each received into the memory where it stays.

hiredis copies each byte into a buffer that grows, within it, and out of it. For segments of a
megabyte that is most of what it costs to receive them. For small replies hiredis is faster.
"""

import re
import socket
from collections.abc import Callable
from typing import Any

import numpy as np

_LARGE_BYTES = 100_000
_RECEIVE_BYTES = 1 << 16
_ALIGNMENT = 64  # bytes: a line of the cache, and a multiple of every item's size
_has_large_part = re.compile(rb"\$\d{6,}\r\n").search


def is_large(begin: memoryview) -> bool:
    """Return whether the beginning of a reply shows a part of at least 100,000 bytes."""
    return _has_large_part(begin) is not None


class LargeReply:
    """One reply in protocol 2 of Redis, of which the beginning was received.

    Parameters
    ----------
    error
        Returns the value of an error reply.
    """

    def __init__(
        self, opened: socket.socket, begin: bytes, error: Callable[[str], Exception]
    ) -> None:
        self._socket = opened
        self._data = begin
        self._at = 0  # position in the data
        self._error = error

    def read(self) -> Any:
        """Receive the reply and return it as hiredis does.

        A large part is a read-only view instead of bytes. It ends at an aligned address, since a
        payload ends with its samples. Raises OSError if the connection ends before the reply.
        """
        line = self._line()
        kind, text = line[:1], line[1:]
        if kind == b"*":
            return [self.read() for _ in range(int(text))] if text != b"-1" else None
        if kind == b"$":
            return self._part(int(text)) if text != b"-1" else None
        if kind == b":":
            return int(text)
        if kind == b"-":
            return self._error(text.decode(errors="replace"))
        if kind == b"+":
            return text
        raise ConnectionResetError(f"{line[:20]!r} is no reply of Redis")

    @property
    def rest(self) -> bytes:
        """The bytes received that follow the reply."""
        return self._data[self._at :]

    def _line(self) -> bytes:
        while (end := self._data.find(b"\r\n", self._at)) < 0:
            self._receive()
        line = self._data[self._at : end]
        self._at = end + 2
        return line

    def _part(self, n: int) -> bytes | memoryview:
        part = self._large_part(n) if n >= _LARGE_BYTES else None
        left = n if part is None else 0
        while len(self._data) - self._at < left + 2:  # the part ends with a line break
            self._receive()
        begin = self._at
        self._at += left + 2
        return self._data[begin : begin + left] if part is None else part

    def _large_part(self, n: int) -> memoryview:
        memory = np.empty(n + _ALIGNMENT, np.uint8)  # unlike a bytearray it is not zeroed first
        begin = -(memory.ctypes.data + n) % _ALIGNMENT
        part = memory.data[begin : begin + n]
        done = min(n, len(self._data) - self._at)
        part[:done] = self._data[self._at : self._at + done]
        self._at += done
        while done < n:
            done += self._received(self._socket.recv_into(part[done:]))
        return part.toreadonly()

    def _receive(self) -> None:
        received = self._socket.recv(_RECEIVE_BYTES)
        self._received(len(received))
        self._data = self._data[self._at :] + received
        self._at = 0

    def _received(self, n: int) -> int:
        if not n:
            raise ConnectionResetError("closed by the server")
        return n
