"""A server that is reached over TLS (rediss://), as a managed one is."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from queue import Queue

import numpy as np
import pytest
import trustme

from crepe.errors import StoreError
from crepe.store import Store

AUTHORITY = trustme.CA()


async def hand_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while result := await source.read(1 << 16):
        sink.write(result)
        await sink.drain()
    sink.close()


async def hand_both_ways(
    socket_path: str, messages: asyncio.StreamReader, answers: asyncio.StreamWriter
) -> None:
    told, asks = await asyncio.open_unix_connection(socket_path)
    await asyncio.gather(hand_on(messages, asks), hand_on(told, answers), return_exceptions=True)


@pytest.fixture
def port(own_server) -> Iterator[int]:
    """Of a TLS door before a real server, which has none built in."""
    own_server.start()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    opened: Queue[tuple[int, Callable[[], object]]] = Queue()

    async def serve() -> None:
        ended = asyncio.Event()
        handle = partial(hand_both_ways, str(own_server.socket))
        door = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        end = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)
        opened.put((door.sockets[0].getsockname()[1], end))
        await ended.wait()
        door.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    result, end = opened.get(timeout=20)
    yield result
    end()
    thread.join()


def test_streams_are_written_and_read_over_tls(port, tmp_path):
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    url = f"rediss://localhost:{port}?ssl_ca_certs={tmp_path / 'ca.pem'}"
    with Store(url) as store:
        data = store.declare("data", labels=("a", "b"))
        samples = np.arange(200_000, dtype=np.int32).reshape(2, 100_000)
        for start in range(0, 100_000, 10_000):
            data.append(samples[:, start : start + 10_000])
    with Store(url) as store:
        np.testing.assert_array_equal(store["data"][:, :], samples)


def test_a_server_whose_certificate_nobody_vouches_for_is_refused(port):
    with pytest.raises(StoreError, match=rf"localhost:{port}.*certificate"):
        Store(f"rediss://localhost:{port}", patience_s=0)
