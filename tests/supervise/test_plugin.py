"""A session begins with empty streams on a server that others run, too, and touches no others."""

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from supervisor.loggers import getLogger

from crepe.environment import session
from crepe.errors import ConfigError, LeaseError, OrderError, StoreError
from crepe.messages import StreamInfo
from crepe.store import lease
from crepe.store.contract import Entry
from crepe.store.lease import Holder, Lease
from crepe.store.redis_store import RedisStore
from crepe.supervise import plugin

LOG = getLogger()


@pytest.fixture
def server(own_server, monkeypatch):
    """A server that CREPE does not run itself."""
    own_server.start()
    monkeypatch.setenv("CREPE_REDIS", own_server.url)
    return own_server


def begun(var: Path) -> session.Session:
    plugin.open_session(LOG, var, ExitStack())
    found = session.current(var)
    assert found is not None
    return found


def written(server, name: str, streams: list[str], culture: str = "crepe") -> RedisStore:
    """A store that has written a window into each of the streams, in a session of that name."""
    store = RedisStore(server.url, culture=culture)
    for stream in streams:
        store.declare(stream, StreamInfo(session=name, is_live=True))
        store.append([(stream, Entry(0, 100, b"x"))])
        store.register(stream, "record", 0)
    return store


def test_the_streams_of_the_last_session_are_gone_when_another_begins(server, tmp_path):
    first = begun(tmp_path)
    store = written(server, first.id, ["data", "result:game"])
    store.append_unclocked("input", b"rock")
    session.end(tmp_path)
    second = begun(tmp_path)
    assert second.id != first.id
    assert store.streams() == []
    assert store.last("data") is store.last("result:game") is None
    assert store.wait({"input": "0-0"}, 0.01) == []
    with pytest.raises(OrderError):  # from a program that was left behind
        store.append([("data", Entry(100, 200, b"x"))])
    store.close()


def test_streams_that_others_have_on_that_server_stay(server, tmp_path):
    first = begun(tmp_path)
    session.end(tmp_path)
    theirs = written(server, "theirs", ["elsewhere"])
    client = written(server, "", ["testing"])
    well = written(server, "theirs", ["data"], culture="crepe:{well-3}")
    ours = written(server, first.id, ["data"])
    begun(tmp_path)
    assert ours.streams() == ["elsewhere", "testing"]
    assert well.streams() == ["data"]
    for store in (theirs, client, well, ours):
        store.close()


def test_a_session_that_goes_on_keeps_its_streams(server, tmp_path):
    first = begun(tmp_path)
    store = written(server, first.id, ["data"])
    assert begun(tmp_path) == first
    assert store.last("data") is not None
    store.close()


def test_without_that_server_no_session_follows_another(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_REDIS", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(plugin, "_PATIENCE_S", 0.1)
    first = begun(tmp_path)  # there is nothing to remove yet
    assert begun(tmp_path) == first  # nor when it goes on
    session.end(tmp_path)
    with pytest.raises(StoreError, match="no Redis server answers"):
        begun(tmp_path)
    last = session.current(tmp_path)
    assert last is not None
    assert (last.id, last.state) == (first.id, session.ENDED)


def test_the_streams_of_an_older_version_are_gone_too(server, tmp_path):
    """It kept no list of its streams on the server."""
    first = begun(tmp_path)
    store = written(server, first.id, ["data", "result:game"])
    store._retry("DEL", "crepe:streams")
    session.end(tmp_path)
    begun(tmp_path)
    assert store.last("data") is store.last("result:game") is None
    store.close()


@pytest.mark.parametrize("decided", ["", "resume"])
def test_a_session_of_an_older_version_is_not_resumed_and_loses_nothing(
    server, tmp_path, monkeypatch, decided
):
    first = session.begin(replace(begun(tmp_path / "a"), format=1), tmp_path / "a")
    store = written(server, first.id, ["data"])
    monkeypatch.setenv("CREPE_SESSION", decided)
    with pytest.raises(ConfigError, match="was begun by an older version"):
        begun(tmp_path / "a")
    assert session.find_unfinished(tmp_path / "a") == first
    assert store.last("data") is not None
    monkeypatch.setenv("CREPE_SESSION", "new")
    assert begun(tmp_path / "a").id != first.id
    store.close()


@pytest.fixture
def living(server, tmp_path, monkeypatch):
    """A session in the directory `a` with a stream, whose programs renew its lease."""
    first = begun(tmp_path / "a")
    store = written(server, first.id, ["data"])
    renewed = Lease(store, Holder.of(first, 4711))
    monkeypatch.setattr(lease, "sleep", lambda _: renewed.renew())
    yield first, store
    store.close()


def test_a_start_elsewhere_is_refused_and_touches_nothing(living, tmp_path):
    first, store = living
    last = session.begin(session.new(tmp_path / "rps.toml", "other", 1), tmp_path / "b")
    session.end(tmp_path / "b")
    append_only = tmp_path / "b" / "redis"
    append_only.mkdir()
    with pytest.raises(LeaseError, match=f"session {first.id} of .* has pid"):
        begun(tmp_path / "b")
    assert session.current(tmp_path / "b").id == last.id
    assert append_only.exists()
    store.append([("data", Entry(100, 200, b"x"))])


def test_a_take_over_is_asked_for_once(living, tmp_path, monkeypatch):
    first, store = living
    monkeypatch.setenv("CREPE_TAKE_OVER", "1")
    second = begun(tmp_path / "b")
    assert "CREPE_TAKE_OVER" not in os.environ
    with pytest.raises(LeaseError, match=f"session {second.id} .* has taken it over"):
        Lease(store, Holder.of(first, 4711)).renew()


def test_a_session_that_has_ended_leaves_the_culture_at_once(server, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "sleep", lambda _: pytest.fail("had to wait"))
    with ExitStack() as at_end:
        plugin.open_session(LOG, tmp_path / "a", at_end)
    begun(tmp_path / "b")


def test_the_end_of_a_session_does_not_wait_for_a_server_that_is_away(server, tmp_path):
    with ExitStack() as at_end:
        plugin.open_session(LOG, tmp_path, at_end)
        server.kill()
