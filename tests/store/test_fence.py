"""Who has lost a stream does not write it, whatever happens between two appends."""

import pytest
import redis

from crepe.errors import OrderError
from crepe.messages import StreamInfo
from crepe.store.connection import CommandRefusedError, OutOfMemoryError, RedisConnection
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore
from tests.fake_redis_nodes import fake_nodes
from tests.redis_server.test_cluster import SINGLE

INFO = StreamInfo(labels=("a",), session="s", is_live=True)


@pytest.fixture
def server(own_server):
    own_server.start()
    with redis.Redis.from_url(own_server.url) as result:
        yield result


@pytest.fixture
def store(own_server, server):
    created = RedisStore(own_server.url)
    created.declare("data", INFO)
    created.append([("data", Entry(0, 10))])
    yield created
    created.close()


def test_an_append_goes_through_if_the_claim_was_touched_but_is_still_ours(store, server):
    server.hset("crepe:data:info", "source", "somebody wrote this in")
    store.append([("data", Entry(10, 20))])
    assert store.last("data").stop == 20


@pytest.mark.parametrize("field", ["writer", "session"])
def test_an_append_is_refused_if_the_claim_is_another(store, server, field):
    server.hset("crepe:data:info", field, "another")
    for _ in range(2):
        with pytest.raises(OrderError, match="another writer"):
            store.append([("data", Entry(10, 20))])
    assert server.xlen("crepe:data") == 1


def test_an_append_is_refused_if_the_stream_is_gone(store, server):
    server.unlink("crepe:data", "crepe:data:info")
    with pytest.raises(OrderError, match="is gone, .* evicts keys"):
        store.append([("data", Entry(10, 20))])
    assert not server.exists("crepe:data")


def test_a_repeated_append_stands_once_and_a_strangers_entry_is_no_repeated_one(store, server):
    store._send([("data", Entry(0, 10))])
    assert server.xlen("crepe:data") == 1
    whole = {"start": 10, "t_ns": 0, "session": INFO.session, "writer": "another", "data": b""}
    server.xadd("crepe:data", whole, id="20-0")
    with pytest.raises(OrderError, match="it holds 20-0 or later"):
        store.append([("data", Entry(10, 20))])


def test_nothing_is_written_where_the_server_does_not_watch(server, own_server):
    server.acl_setuser("lab", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-watch"])
    store = RedisStore(own_server.url.replace("unix://", "unix://lab:any@"))
    store.declare("data", INFO)
    for _ in range(2):
        with pytest.raises(CommandRefusedError, match="unix:.*watch"):
            store.append([("data", Entry(0, 10))])
    assert not server.exists("crepe:data")
    store.close()


def test_a_transaction_refused_for_memory_is_known_as_that():
    with fake_nodes(1) as (node,):
        node.has(SINGLE)
        node.replies[b"EXEC"] = (
            b"-EXECABORT Transaction discarded because of: OOM command not allowed when used memory\r\n"
        )
        connection = RedisConnection(node.url, "test")
        connection.connect()
        with pytest.raises(OutOfMemoryError):
            connection.call("EXEC")
        connection.disconnect()


def test_a_claim_that_is_lost_while_its_writer_reads_is_noticed_by_the_next_append(store, server):
    assert store.last("data").stop == 10
    server.hset("crepe:data:info", "writer", "another")
    assert store.last("data").stop == 10
    with pytest.raises(OrderError, match="another writer has the stream: another"):
        store.append([("data", Entry(10, 20))])
    assert server.xlen("crepe:data") == 1


def test_one_claim_that_is_lost_does_not_keep_the_other_streams_from_their_writer(store, server):
    store.declare("more", INFO)
    store.append([("data", Entry(10, 20)), ("more", Entry(0, 10))])
    server.hset("crepe:data:info", "writer", "another")
    with pytest.raises(OrderError, match="crepe:data:info: another writer"):
        store.append([("data", Entry(20, 30))])
    for stop in (20, 30):
        store.append([("more", Entry(stop - 10, stop))])
    assert (server.xlen("crepe:data"), server.xlen("crepe:more")) == (2, 3)
