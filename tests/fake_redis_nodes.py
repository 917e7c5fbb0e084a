"""Nodes of a cluster, on threads of the test's process, that reply as a test has it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import hiredis

Reply = Callable[[list[bytes]], bytes | None]


class FakeNode:
    """A port; the commands that came over it; and the replies to them."""

    def __init__(self) -> None:
        self._gate = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._gate.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.commands: list[tuple[bytes, ...]] = []
        self.replies: dict[bytes, bytes] = {b"PING": b"+PONG\r\n"}
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def has(self, shards: bytes) -> None:
        """Give this reply to CLUSTER SLOTS."""
        self.replies[b"CLUSTER"] = shards

    def names(self) -> list[bytes]:
        """Return the names of the commands that came, but those of a new connection."""
        usual = {b"CLUSTER", b"CLIENT", b"PING"}
        return [command[0] for command in self.commands if command[0] not in usual]

    def kill(self) -> None:
        """Close the port and all connections."""
        for end in (self._gate, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                end, _ = self._gate.accept()
                self._ends.append(end)
                threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        reader = hiredis.Reader()
        with suppress(OSError), end:
            while data := end.recv(1 << 16):
                reader.feed(data)
                while (command := reader.gets()) is not False:
                    self.commands.append(tuple(command))
                    end.sendall(self.replies.get(command[0].upper(), b"+OK\r\n"))


def shards(*nodes: FakeNode, first: int = 0, last: int = 16383) -> bytes:
    """Return a reply to CLUSTER SLOTS: one shard, of a master and its replicas."""
    rows = b"".join(b"*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n" % node.port for node in nodes)
    return b"*1\r\n*%d\r\n:%d\r\n:%d\r\n" % (2 + len(nodes), first, last) + rows


@contextmanager
def fake_nodes(n: int) -> Iterator[list[FakeNode]]:
    """Run nodes while the block lasts; at first node 0 has all slots, the others are replicas."""
    nodes = [FakeNode() for _ in range(n)]
    for node in nodes:
        node.has(shards(*nodes))
    try:
        yield nodes
    finally:
        for node in nodes:
            node.kill()
