"""Clients as scripts of the original are: they know ports, indices and False, and nothing of CREPE."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import rpyc

SEED_CONFIG = {**rpyc.core.protocol.DEFAULT_CONFIG, "allow_pickle": True}
"""The settings of the original, which asked for pickling."""


class SegmentIterator:
    """An iterator with the documented behaviour of the original's, on any connection of RPyC."""

    def __init__(self, n: int = 100) -> None:
        self.index, self.n = 0, n

    def get(self, connection: Any) -> Any:
        return connection.root.get_stream_segment(self.n, self.index)

    def length(self, segment: Any) -> int:
        return len(segment[0])

    def next(self, connection: Any) -> Any:
        segment = self.get(connection)
        if segment is not False:
            self.index += self.length(segment)
        return segment

    def next_or_wait(self, connection: Any, sleep: float = 0.1, timeout: int | None = None) -> Any:
        n_tries = 0
        while (segment := self.next(connection)) is False:
            time.sleep(sleep)
            n_tries += 1
            if timeout is not None and n_tries > timeout:
                return False
        return segment


class RowIterator(SegmentIterator):
    """The same for one channel."""

    def __init__(self, channel: int = 0, n: int = 100) -> None:
        super().__init__(n)
        self.channel = channel

    def get(self, connection: Any) -> Any:
        return connection.root.get_row_segment(self.channel, self.n, self.index)

    def length(self, segment: Any) -> int:
        return len(segment)


@contextmanager
def connected(port: int, config: Any = SEED_CONFIG, token: str = "") -> Iterator[Any]:
    """A connection that is closed after the block; as in the original, it waits for the server."""
    while True:
        with suppress(ConnectionRefusedError):
            client = socket.create_connection(("127.0.0.1", port))
            break
        time.sleep(0.01)
    if token:
        client.sendall(f"{token}\n".encode())
    connection = rpyc.connect_stream(rpyc.SocketStream(client), config=dict(config))
    try:
        yield connection
    finally:
        connection.close()
