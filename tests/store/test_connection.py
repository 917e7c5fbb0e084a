"""Redirections of a cluster: followed, without a command that is executed twice or lost."""

import pytest

from crepe.redis_server.login import ConnectionLostError
from crepe.store.connection import (
    AskError,
    CommandRefusedError,
    MovingError,
    NotNowError,
    OtherNodeError,
    RedisConnection,
    pack,
)
from crepe.store.redis_reader import RedisReader
from tests.fake_redis_nodes import fake_nodes, shards
from tests.redis_server.test_cluster import SINGLE


@pytest.fixture
def nodes():
    with fake_nodes(3) as nodes:
        yield nodes


@pytest.fixture
def connection(nodes):
    connection = RedisConnection(nodes[0].url, "test")
    connection.connect()
    yield connection
    connection.disconnect()


def redirect(nodes, code):
    nodes[0].replies[b"GET"] = f"-{code} 7378 127.0.0.1:{nodes[1].port}\r\n".encode()
    nodes[1].replies[b"GET"] = b"$3\r\nyes\r\n"


def test_keys_have_the_tag_of_their_culture(nodes, connection):
    assert connection.first_part == "{crepe}"
    assert RedisConnection(nodes[0].url, "test").first_part is None
    nodes[0].has(SINGLE)
    connection.connect()
    assert connection.first_part == "crepe"


def test_a_reader_that_has_not_connected_yet_asks_before_it_names_a_key(nodes):
    reader = RedisReader(nodes[0].url, "crepe", "reader", 5.0)
    nodes[0].replies[b"HGETALL"] = b"*0\r\n"
    assert reader.streams() == []
    assert nodes[0].commands[-1] == (b"HGETALL", b"{crepe}:streams")


def test_a_moved_culture_is_followed_by_a_new_connection(nodes, connection):
    redirect(nodes, "MOVED")
    nodes[0].has(shards(nodes[1]))
    with pytest.raises(OtherNodeError):
        connection.call("GET", "x")
    assert not connection.is_connected
    connection.connect()
    assert connection.call("GET", "x") == b"yes"


def test_moved_without_the_right_to_look_nodes_up_names_that_right(nodes):
    nodes[0].has(SINGLE)
    redirect(nodes, "MOVED")
    connection = RedisConnection(nodes[0].url, "test")
    connection.connect()
    with pytest.raises(CommandRefusedError, match=r"\+cluster\|slots"):
        connection.call("GET", "x")


@pytest.mark.parametrize(
    "reply",
    ["READONLY You can't write", "CLUSTERDOWN Hash slot not served", "UNBLOCKED force unblock"],
)
def test_a_master_that_no_longer_is_one_is_left_for_another_node(nodes, connection, reply):
    nodes[0].replies[b"SET"] = f"-{reply}\r\n".encode()
    for node in nodes[1:]:
        node.has(shards(nodes[2], nodes[1]))
    with pytest.raises(NotNowError, match=f"127.0.0.1:{nodes[0].port}: {reply.split()[0]}"):
        connection.call("SET", "x", "y")
    connection.connect()
    assert connection.call("SET", "x", "y") == b"OK"
    assert nodes[2].names() == [b"SET"]


def test_a_key_that_is_on_its_way_is_asked_for_where_it_is(nodes, connection):
    redirect(nodes, "ASK")
    assert connection.call("GET", "x") == b"yes"
    assert nodes[1].names() == [b"ASKING", b"GET"]
    assert connection.is_connected  # the culture has not moved yet


def test_each_command_of_several_is_asked_for_where_its_key_is(nodes, connection):
    redirect(nodes, "ASK")
    assert connection.call_all([("SET", "x", "y"), ("GET", "x")]) == [b"OK", b"yes"]
    assert nodes[1].names() == [b"ASKING", b"GET"]


def test_keys_on_both_nodes_are_waited_for(nodes, connection):
    nodes[0].replies[b"GET"] = b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
    with pytest.raises(MovingError):
        connection.call("GET", "x")
    assert connection.is_connected


def test_an_append_is_never_sent_to_a_node_that_lacks_the_claim(nodes, connection):
    redirect(nodes, "ASK")
    (reply,) = connection.exchange(pack(("GET", "x")), b"", 1)
    with pytest.raises(AskError):
        connection.refuse(reply)
    assert nodes[1].names() == []


def test_a_node_to_ask_that_is_gone_leaves_the_connection_as_it_is(nodes, connection):
    redirect(nodes, "ASK")
    nodes[1].kill()
    with pytest.raises(ConnectionLostError):
        connection.call("GET", "x")
    assert connection.is_connected


def test_replies_that_are_left_for_later_are_not_taken_for_those_of_the_next_command(
    nodes, connection
):
    nodes[0].replies |= {b"GET": b"$3\r\nyes\r\n", b"TIME": b":7\r\n"}
    assert connection.exchange(pack(("GET", "x")), pack(("TIME",)), 1, 1) == [b"yes"]
    assert connection.call("GET", "x") == b"yes"
    assert connection.call_all([("GET", "x")] * 2) == [b"yes"] * 2
    assert connection.later() == [7]
    assert connection.later() == []


def test_replies_that_are_left_for_later_are_read_where_no_command_followed(nodes, connection):
    nodes[0].replies |= {b"GET": b"$3\r\nyes\r\n", b"TIME": b":7\r\n"}
    connection.exchange(pack(("GET", "x")), pack(("TIME",)) * 2, 1, 2)
    assert connection.later() == [7, 7]
    connection.exchange(pack(("GET", "x")), pack(("TIME",)), 1, 1)
    connection.disconnect()
    connection.connect()
    assert connection.later() == []  # they went with the connection
    assert connection.call("GET", "x") == b"yes"
