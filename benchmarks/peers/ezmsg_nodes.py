"""ezmsg: publishers and subscribers of its graph, messages through shared memory."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ezmsg.core as ez

from benchmarks.peers.peer import Arrived, Meet, Peer, check, paced, segment


class EzmsgNodes(Peer):
    title = "ezmsg"
    packages = ("ezmsg",)

    @contextmanager
    def serving(self) -> Iterator[list[int]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (self.place / "ezmsg.port").write_text(str(port))
        serve = [sys.executable, "-m", "ezmsg.core", "serve", "--address", f"127.0.0.1:{port}"]
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                with suppress(ConnectionRefusedError), socket.create_connection(self._address):
                    break
                time.sleep(0.01)
            yield [server.pid]
        finally:
            server.terminate()
            server.wait()

    @property
    def _address(self) -> tuple[str, int]:
        return "127.0.0.1", int((self.place / "ezmsg.port").read_text())

    def _graph(self) -> Any:
        return ez.GraphContext(self._address, auto_start=False)

    def write(self, topic: str, n: int, pause_s: float, n_readers: int, meet: Meet) -> None:
        del n_readers

        async def run() -> None:
            async with self._graph() as graph:
                publisher = await graph.publisher(topic)
                await asyncio.to_thread(meet)
                for i, due_s in paced(n, pause_s):
                    await _sleep_until(due_s)
                    samples = segment(i)
                    await publisher.broadcast((time.monotonic_ns(), samples))
                await asyncio.to_thread(meet)

        asyncio.run(run())

    def read(self, topic: str, n: int, meet: Meet, arrived: Arrived) -> None:
        async def run() -> None:
            async with self._graph() as graph:
                subscriber = await graph.subscriber(topic)
                await asyncio.to_thread(meet)
                for i in range(n):
                    arrived(await _receive(subscriber, i))
                await asyncio.to_thread(meet)

        asyncio.run(run())

    def echo(self, n: int, meet: Meet) -> None:
        async def run() -> None:
            async with self._graph() as graph:
                subscriber = await graph.subscriber("there")
                publisher = await graph.publisher("back")
                await asyncio.to_thread(meet)
                for _ in range(n):
                    await _pass_on(subscriber, publisher)
                await asyncio.to_thread(meet)

        asyncio.run(run())

    def loop(self, n: int, pause_s: float, meet: Meet) -> list[int]:
        async def run() -> list[int]:
            took_ns = []
            async with self._graph() as graph:
                publisher = await graph.publisher("there")
                subscriber = await graph.subscriber("back")
                await asyncio.to_thread(meet)
                for i, due_s in paced(n, pause_s):
                    await _sleep_until(due_s)
                    samples = segment(i)
                    await publisher.broadcast((time.monotonic_ns(), samples))
                    took_ns.append(await _receive(subscriber, i))
                await asyncio.to_thread(meet)
            return took_ns

        return asyncio.run(run())


# Functions of their own: a segment lies in shared memory, which no variable may hold at the end.


async def _receive(subscriber: Any, i: int) -> int:
    """Receive segment i; return how long it was under way (ns)."""
    async with subscriber.recv_zero_copy() as (t_ns, samples):
        took_ns = time.monotonic_ns() - int(t_ns)
        check(i, samples)
    return took_ns


async def _pass_on(subscriber: Any, publisher: Any) -> None:
    async with subscriber.recv_zero_copy() as message:
        await publisher.broadcast(message)


async def _sleep_until(due_s: float) -> None:
    await asyncio.sleep(max(0.0, due_s - time.monotonic()))
