"""A session begins with empty streams on a server that others run, too, and touches no others."""

from pathlib import Path

import pytest
from supervisor.loggers import getLogger

from crepe.environment import session
from crepe.errors import OrderError, StoreError
from crepe.messages import StreamInfo
from crepe.store.contract import Entry
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
    plugin.open_session(LOG, var)
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
    store.say("input", b"rock")
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
    assert ours.streams() == ["elsewhere", "testing", "{well-3}:data"]
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
    first = begun(tmp_path)  # there is nothing to remove yet
    session.end(tmp_path)
    monkeypatch.setattr(plugin, "_PATIENCE_S", 0.1)
    with pytest.raises(StoreError, match="no Redis server answers"):
        begun(tmp_path)
    last = session.current(tmp_path)
    assert last is not None
    assert (last.id, last.state) == (first.id, session.ENDED)
