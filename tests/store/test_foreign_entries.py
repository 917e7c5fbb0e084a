"""Entries that CREPE has not written, in a stream of one writer: skipped, counted, and no end."""

import logging
import time

import numpy as np
import pytest
import redis

from crepe.errors import GapError, OrderError
from crepe.messages import GameState, Segment, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore

INFOS = {
    "data": StreamInfo(labels=("a", "b"), session="s", is_live=True),
    "result:game": StreamInfo("GameState", longest_samples=1000, session="s", is_live=True),
}
HIGHEST = "18446744073709551615-18446744073709551615"
GARBAGE = [
    ("*", {"foo": "bar"}),
    ("*", {"start": "x", "t_ns": "1", "session": "s", "writer": "w", "data": "x"}),
    ("*", {"start": "0", "data": "no session"}),
    (HIGHEST, {"data": b"\xff\x00"}),
    ("1050-7", {"foo": "bar"}),
]


def entry(stream: str, start: int) -> Entry:
    stop = start + 100
    message: Segment | GameState = GameState(start, stop, start // 100, "rest")
    if stream == "data":
        message = Segment(start, stop, np.full((2, 100), start, np.int32))
    return Entry(start, stop, codec.pack([message], start, stop))


@pytest.fixture
def server(own_server):
    own_server.start()
    return own_server


@pytest.fixture
def writer(server):
    with_end = RedisStore(server.url, writer="acquire")
    for stream, info in INFOS.items():
        with_end.declare(stream, info)
    append(with_end, 0, 1000)
    yield with_end
    with_end.close()


def append(store: RedisStore, first: int, last: int) -> None:
    for start in range(first, last, 100):
        store.append([(stream, entry(stream, start)) for stream in INFOS])


def stops(items: list[tuple[str, Entry]]) -> dict[str, list[int]]:
    return {stream: [e.stop for name, e in items if name == stream] for stream in INFOS}


@pytest.mark.parametrize(("identity", "fields"), GARBAGE)
def test_writer_and_readers_go_on_behind_what_others_have_written(
    server, writer, caplog, identity, fields
):
    everything = {stream: list(range(100, 1100, 100)) for stream in INFOS}
    others = redis.Redis.from_url(server.url)
    reader = RedisStore(server.url)
    for stream in INFOS:
        others.xadd(f"crepe:{stream}", fields, id=identity)
    for _ in range(3):
        assert stops(reader.wait(dict.fromkeys(INFOS, 0), 0.0)) == everything
        assert reader.wait(dict.fromkeys(INFOS, 1000), 0.01) == []
        for stream in INFOS:
            assert [e.stop for e in reader.entries(stream, 0, 2**62, 3)] == [100, 200, 300]
            assert reader.last(stream).stop == 1000
    assert reader.n_foreign == len(INFOS)
    assert caplog.text.count("not written by CREPE") == len(INFOS)
    # The one that was there, and one that is started in its place.
    append(writer, 1000, 1500)
    again = RedisStore(server.url, writer="acquire")
    for stream, info in INFOS.items():
        assert again.declare(stream, info, takes_over=True).stop == 1500
        added = others.xadd(f"crepe:{stream}", fields, id="*")
    others.xdel(f"crepe:{stream}", added)  # which does not give its ID back
    append(again, 1500, 2000)
    cursors = dict.fromkeys(INFOS, 1000)
    assert stops(reader.wait(cursors, 1.0)) == {s: list(range(1100, 2100, 100)) for s in INFOS}
    with Store(server.url) as client:
        assert client["data"].gaps(0, 2000) == []
        assert client["data"]["a", 0:2000].tolist() == [n // 100 * 100 for n in range(2000)]
        assert [m.trial for m in client["result:game"].messages()] == list(range(20))
    for store in (reader, again):
        store.close()


def test_the_newest_sample_is_that_before_garbage_at_the_end(server, writer):
    with redis.Redis.from_url(server.url) as other:
        for stream in INFOS:
            other.xadd(f"crepe:{stream}", {"foo": "bar"}, HIGHEST)
    assert writer.newest(INFOS) == 1000


def test_more_garbage_than_is_read_at_once_hides_nothing(server, writer):
    others = redis.Redis.from_url(server.url)
    for number in range(200):
        others.xadd("crepe:data", {"foo": "bar"}, id=f"1001-{number}")
    reader = RedisStore(server.url)
    append(writer, 1010, 1210)
    assert stops(reader.wait({"data": 1000}, 1.0))["data"] == [1110, 1210]
    assert [e.stop for e in reader.entries("data", 1000, 9999, 1)] == [1110]
    assert reader.n_foreign == 200
    reader.close()


@pytest.mark.parametrize("identity", ["*", HIGHEST])
def test_a_stream_of_which_only_garbage_is_left_is_empty_and_begins(server, identity):
    others = redis.Redis.from_url(server.url)
    others.xadd("crepe:data", {"foo": "bar"}, id=identity)
    store = RedisStore(server.url, writer="acquire")
    assert store.first("data") is store.last("data") is None
    began_s = time.monotonic()
    assert store.wait({"data": 0}, 0.05) == []
    assert time.monotonic() - began_s >= 0.05  # it waits, and does not turn in a loop
    others.hset("crepe:data:info", mapping={"session": "s", "writer": "w"})
    store.declare("data", INFOS["data"], takes_over=True)
    store.append([("data", entry("data", 0))])
    assert [e.stop for e in store.entries("data", 0, 9999, 9)] == [100]
    store.close()


def test_a_payload_that_cannot_be_read_is_a_gap_for_clients_and_is_logged(server, writer, caplog):
    writer.append([("data", Entry(1000, 1100, b"\xc1garbage"))])
    writer.append([("result:game", Entry(1000, 1100, b"\xc1garbage"))])
    append(writer, 1100, 1200)
    with Store(server.url) as client, caplog.at_level(logging.WARNING):
        data = client["data"]
        with pytest.raises(GapError, match="1000"):
            data["a", 900:1200]
        assert data.read(900, 1200, fill=-1)[0].tolist() == [900] * 100 + [-1] * 100 + [1100] * 100
        assert [m.trial for m in client["result:game"].messages()] == [*range(10), 11]
    assert "result:game: skipped an entry of GameState at sample 1100" in caplog.text


def test_where_the_server_refuses_the_removal_one_sentence_states_it(server, writer):
    others = redis.Redis.from_url(server.url)
    others.acl_setuser("default", commands=["-rename"])
    others.xadd("crepe:data", {"foo": "bar"})
    with pytest.raises(
        OrderError, match="crepe:data: a program that is not its writer has put entries"
    ):
        writer.append([("data", entry("data", 1000))])
