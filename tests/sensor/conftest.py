"""A gateway that runs on a thread of this process."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import urllib3
from starlette.types import ASGIApp

from crepe.config.tables import SENSOR_PORT, SensorTable
from crepe.web.server import HttpServer


@contextmanager
def _serving(app: ASGIApp, table: SensorTable, directory: Path) -> Iterator[HttpServer]:
    at = {"host": table.host, "port": table.port, "usual_port": SENSOR_PORT}
    server = HttpServer(app, "sensor", directory, **at, token="")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.run(),))
    thread.start()
    try:
        urllib3.request("GET", server.url, retries=False).drain_conn()  # answered once it is open
        yield server
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., HttpServer]]:
    """Opens a gateway for an application, on a free port; the fixture's end closes it."""
    with ExitStack() as opened:

        def serve(app: ASGIApp, **settings: object) -> HttpServer:
            table = SensorTable(**{"port": None, **settings})
            return opened.enter_context(_serving(app, table, tmp_path))

        yield serve
