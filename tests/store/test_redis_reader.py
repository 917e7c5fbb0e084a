"""What a program looks up each second comes in one round trip, and no less than by single ones."""

from contextlib import contextmanager

import pytest

from crepe.messages import StreamInfo
from crepe.store import codec
from crepe.store.connection import RedisConnection
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore

INFO = StreamInfo("Spikes", longest_samples=1000, session="s")
STREAMS = {"a": 300, "b": 700, "empty": 0}  # by name, the sample index at which it ends


@pytest.fixture
def store(redis_url):
    with_streams = RedisStore(redis_url, culture="round-trips")
    for stream, stop in STREAMS.items():
        with_streams.declare(stream, INFO, is_fresh=True)
        if stop:
            with_streams.append([(stream, Entry(0, stop, codec.pack([], 0, stop)))])
    yield with_streams
    for stream in STREAMS:
        with_streams.delete(stream)
    with_streams.close()


@contextmanager
def round_trips(monkeypatch):
    """The number of replies of each round trip in the block."""
    exchange, sent = RedisConnection.exchange, []

    def count(self, packed, then, n_replies, n_later=0):
        sent.append(n_replies)
        return exchange(self, packed, then, n_replies, n_later)

    with monkeypatch.context() as patch:
        patch.setattr(RedisConnection, "exchange", count)
        patch.delattr(RedisConnection, "call")
        yield sent


def test_looks_at_many_streams_take_one_round_trip(store, monkeypatch):
    with round_trips(monkeypatch) as sent:
        assert store.newest(STREAMS) == 700
        assert store.sessions([*STREAMS, "absent"]) == ["s", "s", "s", None]
        store.register_all("record", {"a": 100, "b": 200})
        store.beat("record", {"state": "running"})
    assert sent == [3, 4, 2, 4]


def test_what_a_writer_asks_about_its_streams_takes_one_round_trip(store, monkeypatch):
    store.register_all("record", {"a": 100, "b": 200})
    store.register_all("detect", {"a": 50})
    batch = [(stream, Entry(1000, 1010, codec.pack([], 1000, 1010))) for stream in STREAMS]
    store.append(batch[:1])
    for writing in store._writing.values():
        writing.retention._next_refresh_s = 0.0  # a second is over
    with round_trips(monkeypatch) as sent:
        store.append([*batch[1:], ("a", Entry(1010, 1020, codec.pack([], 1010, 1020)))])
    # of the transaction MULTI, the appends as queued, EXEC; then rates, their sum, the readers
    assert sent[-2:] == [1 + 3 + 1, 2 + 3]
    read_until = {stream: writing.read_until for stream, writing in store._writing.items()}
    assert read_until == {"a": 50, "b": 200, "empty": None}


def test_no_streams_need_no_server(store):
    store.close()
    assert store.newest([]) is None
    assert store.sessions([]) == []
    store.register_all("record", {})
    assert not store.is_connected


def test_an_error_reply_among_others_is_raised(store):
    store.run_script("return redis.call('SET', KEYS[1], 'text')", "text")
    with pytest.raises(Exception, match="WRONGTYPE"):
        store.newest(["a", "text", "b"])
    assert store.newest(["b", "a"]) == 700  # no reply was left over
    store.delete("text")


def test_a_reader_is_registered_and_a_heartbeat_is_listed(store):
    store.register_all("record", {"a": 100, "b": 200})
    store.beat("record", {"state": "running"})
    store.beat("game", {"state": "ended"})
    positions = store.run_script("return redis.call('HGETALL', KEYS[1])", "b:readers")
    assert positions == [b"record", b"200"]
    assert store.beats() == {"game": {"state": "ended"}, "record": {"state": "running"}}
