"""Fixtures that several tests share: a real Redis server, and stores of every kind."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakeredis import FakeRedisConnection, FakeServer
from hypothesis import settings
from redis.exceptions import ResponseError

from crepe.environment import paths
from crepe.hw.meame.http import SIMULATED_HEADER, find_server
from crepe.redis_server import choice
from crepe.simulator.meame.quirks import Quirk
from crepe.simulator.meame.server import Simulator
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.store import connection
from crepe.store.memory_store import Memory, MemoryStore
from crepe.store.redis_store import RedisStore
from tests.running_simulator import running_simulator

settings.register_profile("without deadlines", deadline=None)  # no test asserts a duration
settings.load_profile("without deadlines")


LONGEST_TMPDIR = 20
"""Characters; a socket's path has 103 at most, of which the names below it take the rest."""


def pytest_configure() -> None:
    """Keep the sockets of tests bindable under a long TMPDIR, also those of other processes."""
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_TMPDIR:
        os.environ["TMPDIR"] = tempfile.tempdir = "/tmp"


class Server:
    """A real server on a unix socket in a directory of its own; can be killed and restarted."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        self.start_bare(
            *(part for name, value in settings.items() for part in (f"--{name}", value))
        )
        RedisStore(self.url, patience_s=20).close()

    def start_bare(self, *arguments: str) -> None:
        """Start it with settings with which a store may be unable to use it."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "save": "",
            "dir": str(self.directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        own = [part for name, value in settings.items() for part in (f"--{name}", value)]
        command = [str(choice.choose().binary), *own, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server for tests that neither kill nor fill it."""
    server = Server(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill; not started yet."""
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CREPE_")]:
        monkeypatch.delenv(name)


class _FakeSocket:
    """A socket to a server of fakeredis: it takes bytes, and hands over values as replies."""

    def __init__(self, connection: FakeRedisConnection) -> None:
        self._connection = connection
        self.sendall = connection._sock.sendall

    def read(self) -> Any:
        try:
            return self._connection.read_response()
        except ResponseError as error:
            return error


class _FakeLogin:
    """A way to a server of fakeredis."""

    is_cluster = False
    place = "fake"

    def __init__(self, server: FakeServer) -> None:
        self.connection = FakeRedisConnection(server=server, protocol=2)

    def open(self, timeout_s: float) -> Any:
        self.connection.connect()
        return _FakeSocket(self.connection)

    def close(self) -> None:
        self.connection.disconnect()


StoreMaker = Callable[[str], MemoryStore | RedisStore]


@pytest.fixture(params=["memory", "redis", "fakeredis"])
def make_store(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StoreMaker]:
    """Makes stores over the same streams, one for each writer's name."""
    made: list[MemoryStore | RedisStore] = []
    memory, culture = Memory(), f"test{time.monotonic_ns()}"
    if request.param == "fakeredis":
        server = FakeServer(server_type="redis")
        monkeypatch.setattr(connection, "CultureLogin", lambda *_: _FakeLogin(server))
        monkeypatch.setattr(connection, "ReplyReader", lambda opened, _: opened)
    url = request.getfixturevalue("redis_url") if request.param == "redis" else "unix://fake"

    def make(writer: str) -> MemoryStore | RedisStore:
        if request.param == "memory":
            made.append(MemoryStore(memory, writer=writer))
        else:
            made.append(RedisStore(url, culture=culture, writer=writer))
        return made[-1]

    yield make
    for store in made:
        store.close()


@contextmanager
def _simulating(*quirks: Quirk, **settings: Any) -> Iterator[Simulator]:
    ports = {"http_port": 0, "data_port": 0, "sawtooth_port": 0}
    chosen = SimulatorSettings(quirks=frozenset(quirks), **{"seed": 3, **ports, **settings})
    with running_simulator(chosen, paths.run_directory()) as found:
        find_server("simulator", 0, 20.0)
        yield found


@pytest.fixture
def simulate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Simulator]]:
    """Runs simulated instruments on the wire, with quirks and settings, on ports that are free."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    return _simulating


@pytest.fixture
def simulate_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Simulator]]:
    """Runs simulated instruments of another CREPE_VAR, which can prove nothing here.

    One that is not `honest` does not state what it is: it stands for an instrument.
    """
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))

    @contextmanager
    def run(*, honest: bool = True, **ports: int) -> Iterator[Simulator]:
        header = SIMULATED_HEADER if honest else "X-Nothing"
        monkeypatch.setattr("crepe.simulator.meame.server.SIMULATED_HEADER", header)
        free = {"http_port": 0, "data_port": 0, "sawtooth_port": 0}
        directory = paths.private(tmp_path / "elsewhere")
        with running_simulator(SimulatorSettings(seed=3, **{**free, **ports}), directory) as found:
            yield found

    return run


@pytest.fixture
def simulator(simulate: Callable[..., AbstractContextManager[Simulator]]) -> Iterator[Simulator]:
    """A simulated instrument on the wire, where `meame://simulator` finds it."""
    with simulate() as found:
        yield found
