"""A server that dies, forgets, freezes or is full costs nothing that was acknowledged."""

import itertools
import logging
import os
import signal
import socket
import threading

import numpy as np
import pytest
import redis

from crepe.environment import paths
from crepe.errors import GapError, StoreError, StoreUnavailableError
from crepe.messages import Segment, StreamInfo
from crepe.redis_server.find_url import find_url
from crepe.store import Store, codec
from crepe.store.contract import Entry
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
    with Store(url) as result:
        data = result["data"]
        assert data.gaps(data.first, length) == []
        np.testing.assert_array_equal(data[0, data.first : length], np.arange(data.first, length))
        windows = [(message.start, message.stop) for message in data.messages(0, length)]
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(windows))


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
    with Store(own_server.url) as result:
        data = result["data"]
        assert len(data) == 40_000
        assert 0 < data.first < 39_000
        with pytest.raises(GapError, match=f"the stream holds {data.first} to 40000"):
            data.read(0, 100)
    store.close()


def test_at_the_memory_ceiling_readers_register_and_commands_arrive(own_server, caplog):
    own_server.start(maxmemory="20mb", **{"maxmemory-policy": "noeviction"})
    store, other = RedisStore(own_server.url, keep_s=1e9), RedisStore(own_server.url, patience_s=0)
    wide = StreamInfo(labels=tuple(map(str, range(200))), session="s", is_live=True)
    store.declare("data", wide)
    store.register("data", "record", 0)
    payload = codec.pack([Segment(0, 100, np.zeros((200, 100), np.int32))], 0, 100)
    stop = 0
    while "memory ceiling" not in caplog.text:
        stop += 100
        store.append([("data", Entry(stop - 100, stop, payload))])
    with redis.Redis.from_url(own_server.url) as client:  # now it is full again
        client.config_set("maxmemory", "1mb")
        with pytest.raises(StoreUnavailableError, match="maxmemory"):
            other.register("data", "record", stop)
        with pytest.raises(StoreUnavailableError, match="maxmemory"):
            other.append_unclocked("input", b"rock")
        client.config_set("maxmemory", client.info("memory")["used_memory"])
    store.register("data", "record", stop)
    store.append_unclocked("input", b"rock")
    store.close()
    other.close()


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


def test_a_read_that_is_broken_off_leaves_no_reply_for_the_next(own_server, monkeypatch):
    own_server.start()
    store = RedisStore(own_server.url)
    store.declare("data", INFO)
    append(store, 0, 100)

    def interrupted():
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(store._connection._replies, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.info("data")
    assert store.last("data").stop == 100
    store.close()


def test_a_refusal_has_the_text_of_the_server(own_server):
    own_server.start()
    store = RedisStore(own_server.url)
    store.declare("data", INFO)
    with redis.Redis.from_url(own_server.url) as server:
        server.set("crepe:data", "no stream")
    for requests in (lambda: store.last("data"), lambda: append(store, 0, 100)):
        with pytest.raises(StoreError, match="unix://.*WRONGTYPE"):
            requests()
    store.close()


def test_a_stream_keeps_about_the_bytes_it_may(own_server):
    own_server.start()
    store = RedisStore(own_server.url)
    store.declare("data", INFO, keep_bytes=200_000)
    append(store, 0, 100_000)
    kept = store.entries("data", 0, 100_000, 10_000)
    n_bytes = sum(len(e.payload) for e in kept)
    assert 100_000 < n_bytes < 300_000  # Redis trims whole nodes of 100 entries
    assert len(kept) < 1000
    store.close()


def test_old_samples_that_are_trimmed_are_missing_for_who_asks_for_them(own_server):
    own_server.start()
    store = RedisStore(own_server.url)
    store.declare("data", INFO, keep_s=0.5)
    append(store, 0, 100_000)
    data = Store(store)["data"]
    first = data.first
    assert 0 < first <= 95_000
    assert data[:, :].shape == data[:, : -0 or None].shape == (2, 100_000 - first)
    assert data[0, :-100].tolist() == list(range(first, 99_900))
    for stop in (100, first, first + 100, -99_900, -100_000 + first):
        with pytest.raises(GapError, match=f"the stream holds {first} to 100000"):
            data[:, :stop]
    store.close()


def test_a_replay_does_not_wait_for_readers_that_have_all_there_is(own_server):
    own_server.start()
    store = RedisStore(own_server.url, keep_s=5.0, patience_s=0)
    store.declare("data", StreamInfo(labels=("a", "b"), session="s"))
    store.register("data", "record", 0)
    append(store, 0, 10_000)
    hour = 36_000_000
    with pytest.raises(StoreUnavailableError, match="waits for a reader at 0"):
        store.append([("data", entry(hour))])
    store.register("data", "record", 10_000)
    append(store, hour, hour + 100)
    assert store.last("data").stop == hour + 100
    store.close()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-ERR no such command\r\n" * 3]
)
def test_a_server_of_another_kind_is_reported_in_one_line(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with server.accept()[0] as client:
                client.recv(4096)
                client.sendall(answer)
                client.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        with pytest.raises(StoreError, match=f"redis://127.0.0.1:{port}"):
            Store(f"redis://:sekret@127.0.0.1:{port}", patience_s=0)
        thread.join()


def test_no_text_shows_a_password(own_server, caplog):
    caplog.set_level(logging.DEBUG)
    own_server.start()
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("requirepass", "sekret")
    url = own_server.url.replace("unix://", "unix://:sekret@")
    store = RedisStore(url, patience_s=0)
    with pytest.raises(StoreError, match="DB index is out of range") as wrong_database:
        Store(f"{url}?db=99")
    with pytest.raises(StoreError, match="invalid username-password") as wrong_password:
        Store(url.replace("sekret", "sekret1"))
    own_server.kill()
    with pytest.raises(StoreUnavailableError) as gone:
        store.last("data")
    with pytest.raises(StoreError) as bad_scheme:
        Store("http://:sekret@127.0.0.1")
    assert "lost Redis" in caplog.text
    for text in (caplog.text, *map(str, (wrong_database, wrong_password, gone, bad_scheme))):
        assert "sekret" not in text
    store.close()


def test_a_client_finds_its_own_server_and_never_a_strangers(own_server, tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    monkeypatch.setattr(paths, "announced", lambda _: [])
    with pytest.raises(StoreError, match="no CREPE is running"):
        find_url()
    own_server.start()
    (tmp_path / "v").mkdir(mode=0o700)
    run = paths.run_directory()
    paths.write_json(run / "redis.json", {"socket": str(own_server.socket), "url": own_server.url})
    assert find_url() == own_server.url
    monkeypatch.setenv("CREPE_REDIS", "redis://elsewhere")
    assert find_url() == "redis://elsewhere"


def test_a_program_never_goes_to_the_server_of_another_clone(own_server, tmp_path, monkeypatch):
    own_server.start()
    other = tmp_path / "other"
    other.mkdir()
    paths.write_json(
        paths.run_directory(other) / "redis.json",
        {"url": own_server.url, "socket": str(own_server.socket)},
    )
    monkeypatch.setattr(paths, "announced", lambda _: [other])
    monkeypatch.setattr(paths, "project_directory", lambda: tmp_path)
    assert find_url() == own_server.url  # from any directory, for a person
    with pytest.raises(StoreError, match="no CREPE is running"):
        find_url(is_ours=True)
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "mine"))
    with pytest.raises(StoreError, match="no CREPE is running"):
        find_url()


def test_a_server_that_comes_back_is_reported_once(own_server, caplog):
    own_server.start()
    store = RedisStore(own_server.url, patience_s=60)
    own_server.kill()
    own_server.start()
    assert store.last("data") is None
    store.last("data")
    assert caplog.text.count("lost Redis") == 1
    assert caplog.text.count("found Redis again") == 1
    store.close()
