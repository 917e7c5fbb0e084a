"""A server that dies, forgets, freezes or is full costs nothing that was acknowledged."""

import os
import signal
import threading

import numpy as np
import pytest
import redis

from crepe import places
from crepe.errors import GapError, StoreError
from crepe.messages import Segment, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.locate import find_url
from crepe.store.redis_store import RedisStore

INFO = StreamInfo(labels=("a", "b"), session="s", is_live=True)


def entry(start, n=100):
    samples = np.arange(start, start + n, dtype=np.int32) * np.array([[1], [-1]], dtype=np.int32)
    return Entry(
        start, start + n, codec.pack([Segment(start, start + n, samples)], start, start + n)
    )


def append(store, first, last):
    for start in range(first, last, 100):
        store.append([("data", entry(start))])


def check(url, length):
    with Store(url) as found:
        data = found["data"]
        assert data.gaps(data.first, length) == []
        np.testing.assert_array_equal(data[0, data.first : length], np.arange(data.first, length))
        stops = [stop for stop, _ in data.times_ns(0, length)]
        assert len(stops) == len(set(stops))


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_a_killed_server_comes_back_and_the_writer_goes_on(own_server, appendonly):
    own_server.start(appendonly=appendonly)
    store = RedisStore(own_server.url, patience_s=30)
    store.declare("data", INFO)
    append(store, 0, 20_000)
    own_server.kill()
    again = threading.Thread(target=own_server.start, kwargs={"appendonly": appendonly})
    again.start()
    append(store, 20_000, 30_000)
    again.join()
    check(own_server.url, 30_000)
    store.close()


def test_a_server_that_lost_its_last_entries_gets_them_again(own_server):
    own_server.start()
    store = RedisStore(own_server.url, patience_s=30)
    store.declare("data", INFO)
    append(store, 0, 20_000)
    with redis.Redis.from_url(own_server.url) as other:
        kept = other.xrange("crepe:data")[:-20]
        other.delete("crepe:data")
        for name, fields in kept:
            other.xadd("crepe:data", fields, id=name)
        other.client_kill_filter(skipme=True)
    append(store, 20_000, 20_100)
    check(own_server.url, 20_100)
    store.close()


def test_forgotten_scripts_are_loaded_again(own_server):
    own_server.start()
    store = RedisStore(own_server.url)
    store.declare("data", INFO)
    with redis.Redis.from_url(own_server.url) as other:
        other.script_flush()
    append(store, 0, 300)
    check(own_server.url, 300)
    store.close()


def test_at_the_memory_ceiling_old_samples_go_and_new_ones_stay(own_server, caplog):
    own_server.start(maxmemory="20mb", **{"maxmemory-policy": "noeviction"})
    store = RedisStore(own_server.url, keep_s=1e9)
    wide = StreamInfo(labels=tuple(map(str, range(200))), session="s", is_live=True)
    store.declare("data", wide)
    store.register("data", "record", 0)
    samples = np.zeros((200, 100), np.int32)
    for start in range(0, 40_000, 100):
        payload = codec.pack([Segment(start, start + 100, samples)], start, start + 100)
        store.append([("data", Entry(start, start + 100, payload))])
    assert "Redis is at its memory ceiling" in caplog.text
    assert "a reader lacks" in caplog.text
    with Store(own_server.url) as found:
        data = found["data"]
        assert len(data) == 40_000
        assert 0 < data.first < 39_000
        with pytest.raises(GapError, match=f"kept are {data.first} to 40000"):
            data.read(0, 100)
    store.close()


def test_a_frozen_server_is_given_up_after_the_patience(own_server):
    own_server.start()
    store = RedisStore(own_server.url, patience_s=0.1)
    store.declare("data", INFO)
    os.kill(own_server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError):
            store.last("data")
    finally:
        os.kill(own_server.process.pid, signal.SIGCONT)
    store.close()


def test_old_samples_are_trimmed_but_not_what_a_reader_lacks(own_server):
    own_server.start()
    store = RedisStore(own_server.url, keep_s=0.5)
    store.declare("data", INFO)
    append(store, 0, 100_000)
    assert 0 < store.first("data").start <= 95_000
    store.declare("kept", INFO)
    store.register("kept", "record", 100)
    for start in range(0, 100_000, 100):
        store.append([("kept", entry(start))])
    assert store.first("kept").start <= 100
    store.close()


def test_a_client_finds_its_own_server_and_never_a_strangers(own_server, tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    monkeypatch.setattr(places, "announced", list)
    with pytest.raises(StoreError, match="no CREPE is running"):
        find_url()
    own_server.start()
    (tmp_path / "v").mkdir(mode=0o700)
    run = places.run_directory()
    places.write_json(run / "redis.json", {"socket": str(own_server.socket), "url": own_server.url})
    assert find_url() == own_server.url
    monkeypatch.setenv("CREPE_REDIS", "redis://elsewhere")
    assert find_url() == "redis://elsewhere"


def test_a_program_never_goes_to_the_server_of_another_clone(own_server, tmp_path, monkeypatch):
    own_server.start()
    other = tmp_path / "other"
    places.write_json(
        places.run_directory(other) / "redis.json",
        {"url": own_server.url, "socket": str(own_server.socket)},
    )
    monkeypatch.setattr(places, "announced", lambda: [other])
    monkeypatch.setattr(places, "project_directory", lambda: tmp_path)
    assert find_url() == own_server.url  # from any directory, for a person
    with pytest.raises(StoreError, match="no CREPE is running"):
        find_url(is_ours=True)
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "mine"))
    with pytest.raises(StoreError, match="no CREPE is running"):
        find_url()
