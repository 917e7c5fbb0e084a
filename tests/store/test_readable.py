"""The readable half of the contract: a recording, and every store, read alike."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crepe.messages import Segment, Spikes, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.store import Store, codec
from crepe.store.contract import Entry, Readable
from crepe.store.recording_store import RecordedStore

DATA = StreamInfo(labels=("a", "b"), longest_samples=100, session="s")
INFOS = {"data": DATA, "data:spikes": replace(DATA, message="Spikes")}


def segment(start: int) -> Segment:
    samples = np.arange(start, start + 100, dtype=np.int32) * np.array([[1], [-1]], np.int32)
    return Segment(start, start + 100, samples, t_ns=start + 1, is_estimated=start == 1000)


def spikes(start: int) -> Spikes:
    at = np.array([start, start + 50], np.int64)
    return Spikes(start, start + 100, np.array([0, 1], np.int32), at, np.array([-9, -8], "f4"))


MESSAGES = [
    (stream, make(start))
    for start in (0, 100, 200, 1000, 1100)
    for stream, make in (("data", segment), ("data:spikes", spikes))
]


def recorded(directory: Path) -> RecordedStore:
    writer = RecordingWriter(
        directory / "s.h5", About("s", 1, "", {}, is_simulated=True, origin_t_ns=0), INFOS
    )
    for stream, message in MESSAGES:
        writer.append(stream, message)
    writer.end()
    return RecordedStore(directory / "s.h5")


def filled(store) -> Readable:
    for stream, info in INFOS.items():
        store.declare(stream, info)
    for stream, message in MESSAGES:
        payload = codec.pack([message], message.start, message.stop)
        t_ns, is_estimated = getattr(message, "t_ns", 0), getattr(message, "is_estimated", False)
        entry = Entry(message.start, message.stop, payload, t_ns, is_estimated=is_estimated)
        store.append([(stream, entry)])
    store.append([(stream, Entry(1200, 1200, is_end=True)) for stream in INFOS])
    return store


@pytest.fixture(params=["recording", "live"])
def readable(request, tmp_path, make_store) -> Iterator[Readable]:
    if request.param == "live":
        yield filled(make_store("writer"))
        return
    store = recorded(tmp_path)
    yield store
    store.close()


def test_streams_are_listed_and_described(readable):
    assert readable.streams() == ["data", "data:spikes"]
    for stream, info in INFOS.items():
        assert replace(readable.info(stream), writer="") == info
    assert readable.info("other") is readable.first("other") is readable.last("other") is None


def test_entries_are_those_that_end_in_the_window(readable):
    for stream in INFOS:
        entries = readable.entries(stream, 0, 1200, 99)
        assert [(e.start, e.stop) for e in entries] == [
            (message.start, message.stop) for name, message in MESSAGES if name == stream
        ]
        assert {entry.session for entry in entries} == {"s"}
        assert [e.stop for e in readable.entries(stream, 100, 1100, 99)] == [200, 300, 1100]
        assert [e.stop for e in readable.entries(stream, 101, 1099, 99)] == [200, 300]
        assert [e.stop for e in readable.entries(stream, 0, 1200, 2)] == [100, 200]
        assert readable.entries(stream, 300, 300, 99) == []
        assert (readable.first(stream).start, readable.last(stream).stop) == (0, 1200)
        assert readable.last(stream).is_end
    estimated = [e.is_estimated for e in readable.entries("data", 0, 1200, 99)]
    assert estimated == [False, False, False, True, False]
    assert readable.entries("other", 0, 1200, 99) == []


def test_what_is_covered_is_exact_or_not_told(readable):
    for stream in INFOS:
        assert readable.covered(stream) in (None, [(0, 300), (1000, 1200)])
    assert not readable.covered("other")


def test_waiting_gives_what_follows_the_cursor_and_then_the_end(readable):
    result = readable.wait({"data": 1000, "data:spikes": 200}, 1.0)
    assert sorted((stream, e.stop, e.is_end) for stream, e in result) == [
        ("data", 1100, False),
        ("data", 1200, False),
        ("data", 1200, True),
        ("data:spikes", 300, False),
        ("data:spikes", 1100, False),
        ("data:spikes", 1200, False),
        ("data:spikes", 1200, True),
    ]
    assert [e.stop for _, e in readable.wait({"data": 0}, 1.0, 2)] == [100, 200]
    assert [e.is_end for _, e in readable.wait({"data": 1200}, 1.0)] == [True]
    assert readable.wait({"other": 0}, 0.01) == []


def test_messages_come_back_as_they_were(readable):
    data = Store(readable)["data"]
    assert data.gaps() == [(300, 1000)]
    assert data.gaps(250, 1300) == [(300, 1000), (1200, 1300)]
    assert data.gaps(400, 500) == [(400, 500)]
    np.testing.assert_array_equal(data[0, 1050:1200], np.arange(1050, 1200))
    assert [s.start for s in data.follow()] == [0, 100, 200, 1000, 1100]
    spikes = Store(readable)["data:spikes"]
    assert [m.start for m in spikes.messages()] == [0, 100, 200, 1000, 1100]
    assert [m.start for m in spikes.messages(stop=150)] == [0, 100]
    assert [stop for stop, _ in spikes.times_ns()] == [100, 200, 300, 1100, 1200]
    result = spikes.messages(0, 1200)
    assert [m.sample.tolist() for m in result] == [
        [start, start + 50] for start in (0, 100, 200, 1000, 1100)
    ]


def test_a_server_is_reached_by_tcp_as_by_its_socket(own_server, free_port):
    own_server.start(port=str(free_port))
    with Store(f"redis://127.0.0.1:{free_port}") as over_tcp, Store(own_server.url) as store:
        filled(store._writable())
        data = over_tcp["data"]
        np.testing.assert_array_equal(data[1, 0:300], -np.arange(300))
        assert [s.start for s in data.follow(n_samples=150)] == [0, 150, 1000, 1150]
        assert over_tcp.send_command("note", "heard") < store.send_command("note", "heard")


@pytest.fixture
def free_port() -> int:

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
