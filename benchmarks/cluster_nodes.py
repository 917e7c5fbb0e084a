"""Six real nodes of a cluster on loopback, for tests and benchmarks: masters, a replica of each."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from crepe.errors import StoreError
from crepe.redis_server.choice import choose
from crepe.redis_server.cluster import N_SLOTS, Shard, ask, shards_from, slot_of
from crepe.redis_server.login import ConnectionLostError, login_to

N_MASTERS = 3
NODE_TIMEOUT_MS = 1000
_PATIENCE_S = 60.0
_POLL_S = 0.02
_TIMEOUT_S = 10.0


class Node:
    """A server in cluster mode; clients may reach it at another port than the other nodes."""

    def __init__(self, directory: Path, port: int, bus_port: int, client_port: int) -> None:
        self.port, self.bus_port, self.client_port = port, bus_port, client_port
        self.url = f"redis://127.0.0.1:{port}"
        arguments = {
            "bind": "127.0.0.1",
            "port": str(port),
            "cluster-enabled": "yes",
            "cluster-port": str(bus_port),
            "cluster-config-file": f"nodes-{port}.conf",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "repl-diskless-sync-delay": "0",
            "dir": str(directory),
            "save": "",
        }
        if client_port != port:
            arguments["cluster-announce-client-port"] = str(client_port)
        texts = [text for name, value in arguments.items() for text in (f"--{name}", value)]
        self.process = subprocess.Popen([str(choose().binary), *texts], stdout=subprocess.DEVNULL)

    def __call__(self, *command: str | bytes | int) -> Any:
        """Return the reply to a command. Raises StoreError for an error reply."""
        with closing(login_to(self.url)) as login:
            reply = ask(login.open(_TIMEOUT_S), *command)
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def id(self) -> str:
        """ID of the node in its cluster."""
        return str(self("CLUSTER", "MYID"), "ascii")

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End the process at once; harmless to repeat."""
        self.process.kill()
        self.process.wait()


class Cluster:
    """The nodes: first the masters, then a replica of each."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def shard_of(self, culture: str) -> Shard:
        """Return the nodes that have a culture, by the table of a node that is alive."""
        alive = next(node for node in self.nodes if node.is_alive)
        shards = shards_from(alive("CLUSTER", "SLOTS"), alive.url)
        slot = slot_of(culture)
        return next(shard for shard in shards if shard.first <= slot <= shard.last)

    def master_of(self, culture: str) -> Node:
        """Return the master that has a culture."""
        port = self.shard_of(culture).nodes[0].port
        return next(node for node in self.nodes if node.client_port == port)


@contextmanager
def running_cluster(
    directory: Path, client_ports: Callable[[Sequence[int]], Sequence[int]] = list
) -> Iterator[Cluster]:
    """Run six nodes while the block lasts.

    `client_ports` receives the ports of the nodes, and returns those at which clients reach them.
    """
    ports = free_ports(4 * N_MASTERS)
    own, bus = ports[::2], ports[1::2]
    nodes: list[Node] = []
    try:
        for each in zip(own, bus, client_ports(own), strict=True):
            nodes.append(Node(directory, *each))
        _join(nodes)
        yield Cluster(nodes)
    finally:
        for node in nodes:
            node.kill()


def free_ports(n: int) -> list[int]:
    """Return ports of loopback that no program uses."""
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [each.getsockname()[1] for each in opened]


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; an error of the server counts as not so. Raises TimeoutError."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            if is_so():
                return
            reason = "it is not so"
        except (StoreError, ConnectionLostError, OSError) as error:
            reason = str(error)
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"after {_PATIENCE_S:g} s: {reason}")
        time.sleep(_POLL_S)


def _join(nodes: list[Node]) -> None:
    masters, replicas = nodes[:N_MASTERS], nodes[N_MASTERS:]
    for epoch, node in enumerate(nodes, 1):
        until(partial(node, "PING"))
        node("CLUSTER", "SET-CONFIG-EPOCH", epoch)
    bounds = [N_SLOTS * i // N_MASTERS for i in range(N_MASTERS + 1)]
    for i, master in enumerate(masters):
        master("CLUSTER", "ADDSLOTSRANGE", bounds[i], bounds[i + 1] - 1)
    for node in nodes[1:]:
        nodes[0]("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
    # A replica can only follow a master that it has met.
    for master, replica in zip(masters, replicas, strict=True):
        until(partial(replica, "CLUSTER", "REPLICATE", master.id))
    for node in nodes:
        until(partial(_is_whole, node))


def _is_whole(node: Node) -> bool:
    """Return whether a node knows all masters with their replicas, and has its master's data."""
    shards = shards_from(node("CLUSTER", "SLOTS"), node.url)
    is_linked = b"master_link_status:down" not in node("INFO", "replication")
    state = node("CLUSTER", "INFO")
    n_nodes = [len(shard.nodes) for shard in shards]
    return n_nodes == [2] * N_MASTERS and is_linked and b"cluster_state:ok" in state
