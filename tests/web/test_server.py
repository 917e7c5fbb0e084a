"""Where a server listens: the port it had before, so that open browsers find it again."""

import asyncio
import json
import socket

import pytest

from crepe.errors import DeviceError
from crepe.web.server import HttpServer

HOST = "127.0.0.1"


async def app(scope, receive, send):
    raise AssertionError("nothing is asked here")


@pytest.fixture
def serve(tmp_path):
    made = []

    def serve(usual_port, port=None):
        at = {"host": HOST, "port": port, "usual_port": usual_port}
        made.append(HttpServer(app, "page", tmp_path, **at, token="secret"))
        return made[-1]

    yield serve
    for server in made:
        server._socket.close()


@pytest.fixture
def taken():
    with socket.create_server((HOST, 0)) as found:
        yield found.getsockname()[1]


def test_a_taken_usual_port_means_the_next_one(serve, taken):
    assert serve(taken).port > taken


def test_one_that_was_killed_comes_back_where_it_was_though_the_usual_port_is_free(serve, taken):
    first = serve(taken)
    first._socket.close()
    assert serve(taken - 1).port == first.port


def test_a_requested_port_that_is_taken_is_an_error(serve, taken):
    with pytest.raises(DeviceError, match=f"port {taken}"):
        serve(1, port=taken)


def test_the_private_file_with_url_and_token_exists_while_it_serves(serve, taken, tmp_path):
    server = serve(taken)

    async def run():
        running = asyncio.create_task(server.run())
        while not (tmp_path / "page.json").exists():
            await asyncio.sleep(0)
        content = json.loads((tmp_path / "page.json").read_text())
        assert (content["url"], content["token"]) == (server.url, "secret")
        assert (tmp_path / "page.json").stat().st_mode & 0o077 == 0
        server.stop()
        await running

    asyncio.run(run())
    assert not (tmp_path / "page.json").exists()
