"""The original's scripts over RPyC: against the program `rpyc`, and a service served the old way."""

import asyncio
import socket
import threading
from dataclasses import replace

import numpy as np
import pytest
import rpyc
from rpyc.utils.server import ThreadedServer

from crepe.config.experiment import load_experiment
from crepe.config.program_part import load_program
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError, DeviceError
from crepe.legacy import rpyc_program, settings
from crepe.legacy.rpyc_program import RpycServer
from crepe.messages import StreamInfo
from crepe.settings import RPCPORTS, RPYC_CONFIG
from crepe.store.memory_store import Memory, MemoryStore
from crepe.store.redis_store import RedisStore
from crepe.store.stream import Stream
from crepe.stream_service import DataModus, StreamService
from tests.legacy.rpyc_clients import SEED_CONFIG, RowIterator, SegmentIterator, connected

TOKEN = "a token of the laboratory"
INFO = StreamInfo(labels=("1", "2", "3"), dtype="int32", session="now", is_live=True)


class Running:
    """A stream `data` that a session writes, and the server of RPyC beside it."""

    def __init__(self, token=""):
        self.memory = Memory()
        self.store = MemoryStore(self.memory, writer="acquire")
        self.server = RpycServer(
            {"data": 0}, self.open, session="now", host="127.0.0.1", token=token
        )

    def open(self):
        return MemoryStore(self.memory, writer="client")

    def begin(self):
        self.store.declare("data", INFO)
        self.server.open_ports(self.store)
        self.port = self.server.servers["data"].port
        return self

    def append(self, start, samples):
        Stream(self.store, "data").append(samples, start=start)


@pytest.fixture
def running():
    server = Running().begin()
    yield server
    server.server.close()


def numbers(start, stop):
    return np.arange(start, stop) + np.array([[0], [1000], [2000]])


@pytest.mark.parametrize("config", [SEED_CONFIG, RPYC_CONFIG])
def test_the_originals_iterators_read_a_stream_to_its_end(running, config):
    for start in range(0, 250, 50):
        running.append(start, numbers(start, start + 50))
    segments, rows = SegmentIterator(100), RowIterator(2, 70)
    with connected(running.port, config) as connection:
        parts = [segments.next_or_wait(connection, 0.01, 1) for _ in range(4)]
        row = [rows.next(connection) for _ in range(5)]
    assert parts[-1] is False
    assert all(type(part) is tuple and type(part[0]) is tuple for part in parts[:3])
    np.testing.assert_array_equal(np.hstack(parts[:3]), numbers(0, 250))
    assert row[-1] is False
    assert [n for part in row[:4] for n in part] == list(range(2000, 2250))


def test_the_originals_keywords_and_prefix_are_taken(running):
    running.append(0, numbers(0, 5))
    with connected(running.port) as connection:
        root = connection.root
        assert root.get_stream_segment(_range=1, _startIndex=2, _callback=None) == (
            (2,),
            (1002,),
            (2002,),
        )
        assert root.get_row_segment(_row=1, _range=2, _startIndex=0) == (1000, 1001)
        assert root.exposed_get_row_segment(np.int64(1), np.int64(9), 4) == (1004,)
        for wrong, text in (((3, 1, 0), "row 3, there are 3"), ((0, 1, -1), "start -1")):
            with pytest.raises((IndexError, ValueError), match=text):
                root.get_row_segment(*wrong)


def test_a_callback_is_called_once_with_the_data_once_they_are_there(running):
    calls, arrived = [], threading.Event()

    def callback(data):
        calls.append(data)
        arrived.set()

    with connected(running.port) as connection:
        serving = rpyc.BgServingThread(connection)
        assert (
            connection.root.get_stream_segment(_range=9, _startIndex=0, _callback=callback) is False
        )
        running.append(0, numbers(0, 2))
        assert arrived.wait(20)
        running.append(2, numbers(2, 4))
        assert connection.root.get_stream_segment(1, 0, callback) == ((0,), (1000,), (2000,))
        serving.stop()
    assert calls == [((0, 1), (1000, 1001), (2000, 2001))]


def test_a_client_that_begins_late_begins_with_what_is_kept(running):
    running.append(5000, numbers(5000, 6000))  # as if samples before 5000 had been dropped
    iterator = SegmentIterator(500)
    with connected(running.port) as connection:
        assert iterator.next(connection)[0][0] == 5100  # the oldest tenth is about to be dropped
        assert iterator.next(connection)[0][-1] == 5999
        assert iterator.next(connection) is False
        running.append(7000, numbers(7000, 7001))
        with pytest.raises(LookupError, match="samples 900 to 1900 are missing; set .* to 1900"):
            iterator.next(connection)
        iterator.index = 1900
        assert iterator.next(connection)[0] == (7000,)


def test_a_port_opens_once_the_session_has_the_stream():
    running = Running()
    running.server.open_ports(running.store)
    running.store.declare("data", replace(INFO, session="before"))
    running.server.open_ports(running.store)
    assert running.server.servers == {}  # so the original's get_connection waits
    running.begin()
    taken = RpycServer(
        {"data": running.port}, running.open, session="now", host="127.0.0.1", token=""
    )
    with pytest.raises(DeviceError, match=rf"\[rpyc\] 127.0.0.1 port {running.port}: .*in use"):
        taken.open_ports(running.store)
    running.server.close()


def test_a_client_without_the_token_is_disconnected():
    running = Running(TOKEN).begin()
    running.append(0, numbers(0, 1))
    with connected(running.port, token=TOKEN) as connection:
        assert connection.root.get_row_segment(0, 1, 0) == (0,)
    for token in ("", TOKEN[:-1], TOKEN + "s"):
        with pytest.raises(EOFError), connected(running.port, token=token) as connection:
            connection.root.get_row_segment(0, 1, 0)
    running.server.close()


def test_the_program_ends_when_it_is_stopped():
    running = Running()
    running.store.declare("data", INFO)

    async def main():
        task = asyncio.create_task(running.server.run())
        while not running.server.servers:
            await asyncio.sleep(0.01)
        running.server.stop()
        await task

    asyncio.run(main())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.server.servers["data"].port))


class Pusher(StreamService):
    """A service of a script, with a function of its own."""

    def __init__(self, store):
        StreamService.__init__(self, DataModus.DATA, n_channels=3, store=store)

    def exposed_shapes(self):
        return [self.stream.info.n_channels, [np.float32(1.5), "a"], np.eye(2)]

    def exposed_self(self):
        return self


def test_a_service_served_the_old_way_is_read_while_its_process_appends(make_store):
    service = Pusher(make_store("service"))
    server = ThreadedServer(service, port=0, protocol_config={**RPYC_CONFIG, "allow_pickle": True})
    threading.Thread(target=server.start, daemon=True).start()
    total, rows = 3000, RowIterator(1, 100)

    def push():
        for i in range(0, total, 30):
            service.append_stream_segment_data(numbers(i, i + 30))

    pushing = threading.Thread(target=push)
    row = []
    with connected(server.port) as connection:
        pushing.start()
        while len(row) < total:
            data = rows.next_or_wait(connection, sleep=0.01, timeout=2000)
            assert data is not False
            row.extend(data)
        pushing.join()
        service.append_stream_row_data(1, 5)
        assert rows.next(connection) == (5.0,)
        assert connection.root.shapes() == (3, (1.5, "a"), ((1.0, 0.0), (0.0, 1.0)))
        with pytest.raises(TypeError, match="Pusher: sent are only numbers"):
            connection.root.self()
        with pytest.raises(
            AttributeError, match="append in the process that has the StreamService"
        ):
            connection.root.append_stream_row_data(0, 1)
    assert row == list(range(1000, 1000 + total))
    server.close()


def test_the_program_serves_what_its_experiment_writes(redis_url, monkeypatch, tmp_path):
    servers = []
    monkeypatch.setenv("CREPE_REDIS", redis_url)
    monkeypatch.setattr(rpyc_program, "serve", lambda run, stop: servers.append(run.__self__))
    path = tmp_path / "left.toml"
    text = (project_directory() / "config" / "record.toml").read_text(encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = min(free.getsockname()[1], 65_000)
    path.write_text(f"name = 'rpyc:left'\n{text}\n[rpyc]\nport = {port}\n", encoding="utf-8")
    rpyc_program.run_rpyc(load_program(path, "rpyc"))
    (server,) = servers
    store = RedisStore(redis_url, culture="rpyc:left", writer="acquire")
    store.declare("data", replace(INFO, session=""))
    Stream(store, "data").append(numbers(0, 10))
    server.open_ports(store)
    assert set(server.servers) == {"data"}  # no other stream of samples has begun
    with connected(port) as connection:
        assert connection.root.get_row_segment(2, 2, 8) == (2008, 2009)
    server.close()
    store.close()


def test_ports_are_those_of_the_original():
    assert RPCPORTS["STREAM"] == RPCPORTS["HDF5Reader"] == 18861
    assert len(set(RPCPORTS.values())) == len(RPCPORTS) - 1
    moved = load_experiment(None, {"rpyc": {"port": 20_000}})
    assert settings.ports(moved)["HDF5Reader"] == 20_000
    assert [program.name for program in moved.programs if program.name == "rpyc"] == ["rpyc"]


def test_other_machines_need_a_token_and_the_package_must_be_there(monkeypatch):
    reachable = load_experiment(None, {"rpyc": {"host": "0.0.0.0"}})
    with pytest.raises(ConfigError, match=r"\[rpyc\] host '0.0.0.0'.* CREPE_RPYC_TOKEN"):
        reachable.check_tokens()
    monkeypatch.setattr("crepe.config.consistency.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"\[rpyc\]: needs the package rpyc: .*pip install"):
        load_experiment(None, {"rpyc": {}})
