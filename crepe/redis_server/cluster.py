"""The node of a Redis or Valkey Cluster that has a culture.

On a cluster the name of a culture is the hash tag of its keys, `{crepe}:data`. So all of them are
in one slot, and all commands go to the one node that has this slot. Every new connection looks the
node up again; that is how a program follows a slot that has moved, and a failover.
"""

# Decision 121: why one slot, and why the tag only on a cluster.

import binascii
import logging
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import hiredis

from crepe.errors import StoreError
from crepe.redis_server.address import check_address, nodes_of, without_password
from crepe.redis_server.login import ConnectionLostError, login_to
from crepe.redis_server.refusals import code_of

log = logging.getLogger(__name__)

N_SLOTS = 16_384
_RECEIVE_BYTES = 1 << 16


class Node(NamedTuple):
    """The address at which clients reach a node."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Shard(NamedTuple):
    """The slots from `first` to `last`, and the nodes that have them: the master, its replicas."""

    first: int
    last: int
    nodes: tuple[Node, ...]


def slot_of(culture: str) -> int:
    """Return the slot of a culture's keys: CRC16 of the hash tag, as in the cluster's manual."""
    return binascii.crc_hqx(culture.encode(), 0) % N_SLOTS


def first_part(culture: str, *, is_cluster: bool) -> str:
    """Return the first part of a culture's keys."""
    return f"{{{culture}}}" if is_cluster else culture


def shards_from(reply: Any, url: str) -> list[Shard]:
    """Return the shards in a reply to CLUSTER SLOTS of the node with the URL `url`."""
    return [
        Shard(first, last, tuple(_node(node[0], node[1], url) for node in nodes))
        for first, last, *nodes in reply
    ]


def _node(host: bytes | None, port: int, url: str) -> Node:
    return Node((host or b"").decode() or _host(url), port)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "127.0.0.1"  # behind a unix socket


def node_in(redirection: str, url: str) -> Node:
    """Return the node in a reply like `ASK 3999 127.0.0.1:6381` of the node with the URL `url`.

    Without a host it is that of this node.
    """
    host, _, port = redirection.rsplit(maxsplit=1)[-1].rpartition(":")
    return Node(host.strip("[]") or _host(url), int(port))


def url_of(node: Node, url: str) -> str:
    """Return the URL of a node, with scheme, user, password and options of another's URL."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    scheme = "redis" if parts.scheme == "unix" else parts.scheme
    path = "" if parts.scheme == "unix" else parts.path
    return parts._replace(scheme=scheme, netloc=f"{user}{at}{node}", path=path).geturl()


class CultureLogin:
    """A way to the server that has a culture; one socket at a time.

    Parameters
    ----------
    url
        A server, or nodes of a cluster: one suffices, and others are for a start without it.

    Attributes
    ----------
    is_cluster
        Whether the server belongs to a cluster; None before the first `open`.
    url
        URL of the server, or of the node, that was tried last.
    shard
        On a cluster, the nodes that have the culture.
    """

    def __init__(self, url: str, culture: str) -> None:
        self.is_cluster: bool | None = None
        check_address(url)
        self._named = nodes_of(url)
        self.url = self._named[0]
        self.shard: Shard | None = None
        self._culture = culture
        self._login = login_to(self.url)
        self._nodes = list(self._named)  # in the order in which they are tried

    @property
    def place(self) -> str:
        """URL of the server or of the node, without the password."""
        return without_password(self.url)

    def open(self, timeout_s: float) -> socket.socket:
        """Return a connected socket on which no reply is due, to the node that has the culture.

        Raises as `Login.open` does; the next call then begins at another node.
        """
        try:
            opened = self._open(self._nodes[0], timeout_s)
            shards = self._shards(opened)
            if not shards:
                return opened
            self._must_be_whole_name()
            owner = self._owner(shards)
            if owner == self.url:
                return opened
            return self._open(owner, timeout_s)
        except (ConnectionLostError, OSError) as error:
            self.close()
            self.try_another()
            if not self.is_cluster:
                raise
            raise ConnectionLostError(f"node {self.place}: {error}") from error

    def try_another(self) -> None:
        """Have the next `open` begin at another node: this one is away, or cut off from others."""
        self._nodes.append(self._nodes.pop(0))

    def close(self) -> None:
        """Close the socket; harmless to repeat."""
        self._login.close()

    def _open(self, url: str, timeout_s: float) -> socket.socket:
        self._login.close()
        if url != self.url:
            self.url, self._login = url, login_to(url)
        return self._login.open(timeout_s)

    def _shards(self, opened: socket.socket) -> list[Shard]:
        """Return the shards of the cluster; none for a server that is not in one."""
        reply = ask(opened, "CLUSTER", "SLOTS")
        if isinstance(reply, Exception):
            # A server without cluster mode, or without the right: then its first MOVED says so.
            if code_of(str(reply)) == "LOADING":
                raise ConnectionLostError(str(reply))
            self.is_cluster = False
            return []
        self.is_cluster = True
        shards = shards_from(reply, self.url)
        if not shards:
            raise ConnectionLostError("its cluster has no slots: CLUSTER ADDSLOTS gives it some")
        return shards

    def _must_be_whole_name(self) -> None:
        if set(self._culture) & set("{}"):
            raise StoreError(
                f"culture {self._culture!r}: on a cluster its `name` must be without {{ and }}"
            )

    def _owner(self, shards: list[Shard]) -> str:
        """Return the URL of the node that has the culture, and note in which order to try them."""
        slot = slot_of(self._culture)
        shard = next((each for each in shards if each.first <= slot <= each.last), None)
        if shard is None:
            raise ConnectionLostError(f"slot {slot} of culture {self._culture!r} has no node")
        if self.shard is not None and shard.nodes[0] != self.shard.nodes[0]:
            log.warning("culture %s is on node %s now", self._culture, shard.nodes[0])
        self.shard = shard
        nodes = [shard.nodes[0], *shard.nodes[1:], *(n for each in shards for n in each.nodes)]
        urls = [*(url_of(node, self._named[0]) for node in nodes), *self._named]
        self._nodes = list(dict.fromkeys(urls))
        return self._nodes[0]


def url_of_culture(url: str, culture: str, timeout_s: float) -> str:
    """Return the URL of the node that has a culture: `url` itself, if that is no cluster's.

    Raises as `CultureLogin.open` does.
    """
    with closing(CultureLogin(url, culture)) as login:
        login.open(timeout_s)
        return login.url


def ask(
    opened: socket.socket,
    *arguments: str | bytes | int | float,
    reply_error: Callable[[str], Exception] = StoreError,
) -> Any:
    """Send one command and return its reply; an error reply is a value.

    Raises OSError, and ConnectionLostError where the server closes the connection.
    """
    replies = hiredis.Reader(replyError=reply_error)
    opened.sendall(hiredis.pack_command(arguments))  # type: ignore[arg-type]  # as in crepe.store.connection
    reply: Any
    while (reply := replies.gets()) is False:
        if not (received := opened.recv(_RECEIVE_BYTES)):
            raise ConnectionLostError("closed by the server")
        replies.feed(received)
    return reply
