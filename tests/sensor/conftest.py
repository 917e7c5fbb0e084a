"""A gateway that runs on a thread of this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3
from starlette.types import ASGIApp

from crepe.config.tables import SENSOR_PORT
from crepe.web.server import HttpServer
from tests.running_server import running_server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., HttpServer]]:
    """Opens a gateway for an application, on a free port; the fixture's end closes it."""
    with ExitStack() as opened:

        def serve(app: ASGIApp, **settings: object) -> HttpServer:
            at = {"usual_port": SENSOR_PORT, **settings}
            server = opened.enter_context(running_server(app, "sensor", tmp_path, **at))
            urllib3.request("GET", server.url, retries=False).drain_conn()  # once it is open
            return server

        yield serve
