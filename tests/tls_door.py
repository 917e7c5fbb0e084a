"""TLS doors before servers that have none built in, as stunnel opens them."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Queue

import trustme

AUTHORITY = trustme.CA()

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Ends]]
"""Opens a connection to the server behind a door."""


def ca_file(directory: Path) -> Path:
    """Write the authority's certificate into a directory, and return its path."""
    path = directory / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


@contextmanager
def tls_doors(servers: Sequence[Connect], host: str = "localhost") -> Iterator[list[int]]:
    """Open a door before each server while the block lasts; yield their ports on 127.0.0.1."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(host).configure_cert(context)
    opened: Queue[tuple[list[int], Callable[[], object]]] = Queue()

    async def serve() -> None:
        ended = asyncio.Event()
        doors = [
            await asyncio.start_server(
                partial(_hand_both_ways, server), "127.0.0.1", 0, ssl=context
            )
            for server in servers
        ]
        end = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)
        opened.put(([door.sockets[0].getsockname()[1] for door in doors], end))
        await ended.wait()
        for door in doors:
            door.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ports, end = opened.get(timeout=20)
    try:
        yield ports
    finally:
        end()
        thread.join()


async def _hand_both_ways(
    connect: Connect, messages: asyncio.StreamReader, answers: asyncio.StreamWriter
) -> None:
    try:
        received, requests = await connect()
    except OSError:  # the server is away
        answers.close()
        return
    ways = (_hand_on(messages, requests), _hand_on(received, answers))
    await asyncio.gather(*ways, return_exceptions=True)


async def _hand_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while result := await source.read(1 << 16):
            sink.write(result)
            await sink.drain()
    finally:  # also where the other side has reset the connection
        sink.close()
