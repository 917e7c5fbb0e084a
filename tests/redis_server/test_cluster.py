"""The node of a cluster that has a culture: looked up at any node, and again after a failover."""

import pytest

from crepe.errors import StoreError
from crepe.redis_server.cluster import (
    CultureLogin,
    Node,
    Shard,
    ask,
    first_part,
    node_in,
    shards_from,
    slot_of,
    url_of,
)
from crepe.redis_server.login import ConnectionLostError
from tests.fake_redis_nodes import FakeNode, fake_nodes, shards

SINGLE = b"-ERR This instance has cluster support disabled\r\n"


@pytest.fixture
def nodes():
    with fake_nodes(3) as nodes:
        yield nodes


def open_at(node: FakeNode, culture: str = "crepe") -> CultureLogin:
    login = CultureLogin(node.url, culture)
    login.open(5.0)
    return login


def test_a_slot_is_the_crc16_of_the_culture():
    # the check value of CRC16 (XMODEM) in the specification of clusters
    assert slot_of("123456789") == 0x31C3 % 16384
    assert slot_of("crepe") == 7378


def test_keys_have_a_hash_tag_on_a_cluster_and_stay_as_they_are_elsewhere():
    assert first_part("crepe", is_cluster=False) == "crepe"
    assert first_part("crepe", is_cluster=True) == "{crepe}"


def test_shards_are_read_from_a_reply():
    reply = [
        [0, 99, [b"10.0.0.1", 6379, b"id", []], [b"10.0.0.2", 6379, b"id", []]],
        [100, 200, [None, 6380, b"id"], [b"", 6381, b"id"]],  # no host: the one that was asked
    ]
    assert shards_from(reply, "redis://me:secret@lab:1") == [
        Shard(0, 99, (Node("10.0.0.1", 6379), Node("10.0.0.2", 6379))),
        Shard(100, 200, (Node("lab", 6380), Node("lab", 6381))),
    ]


@pytest.mark.parametrize(
    ("reply", "node"),
    [
        ("MOVED 3999 127.0.0.1:6381", Node("127.0.0.1", 6381)),
        ("ASK 3999 :6381", Node("lab", 6381)),
        ("ASK 3999 [::1]:6381", Node("::1", 6381)),
        ("ASK 3999 ::1:6381", Node("::1", 6381)),
    ],
)
def test_a_redirection_names_a_node(reply, node):
    assert node_in(reply, "redis://lab:1") == node


@pytest.mark.parametrize(
    ("url", "of_node"),
    [
        ("redis://lab:1", "redis://n:2"),
        ("rediss://me:a%40b@lab:1/0?ssl_ca_certs=x", "rediss://me:a%40b@n:2/0?ssl_ca_certs=x"),
        ("unix:///run/redis.sock", "redis://n:2"),
        ("unix://me:pw@/run/redis.sock", "redis://me:pw@n:2"),
    ],
)
def test_a_node_is_reached_as_the_server_of_the_url_is(url, of_node):
    assert url_of(Node("n", 2), url) == of_node


def test_a_host_of_ipv6_is_in_brackets():
    assert url_of(Node("::1", 2), "redis://lab:1") == "redis://[::1]:2"


def test_any_node_leads_to_the_one_that_has_the_culture(nodes):
    for node in nodes:
        login = open_at(node)
        assert (login.url, login.is_cluster) == (nodes[0].url, True)
        login.close()


def test_only_the_shard_with_the_slot_counts(nodes):
    slot = slot_of("crepe")
    before = shards(nodes[1], first=0, last=slot - 1)
    own = shards(nodes[2], first=slot, last=slot)
    nodes[0].has(b"*2\r\n" + before.removeprefix(b"*1\r\n") + own.removeprefix(b"*1\r\n"))
    assert open_at(nodes[0]).url == nodes[2].url


def test_a_server_without_cluster_mode_is_taken_as_it_is(nodes):
    for refusal in (SINGLE, b"-NOPERM no permissions to run the 'cluster|slots' command\r\n"):
        nodes[1].has(refusal)
        login = open_at(nodes[1])
        assert (login.url, login.is_cluster, login.shard) == (nodes[1].url, False, None)


def test_the_socket_has_no_reply_left(nodes):
    login = CultureLogin(nodes[1].url, "crepe")
    assert ask(login.open(5.0), "PING") == b"PONG"


def test_after_a_failover_the_new_master_is_found_though_the_named_node_is_gone(nodes):
    login = open_at(nodes[0])
    nodes[0].kill()
    for _ in range(2):  # the others do not know yet that it is gone
        with pytest.raises(ConnectionLostError, match=rf"node redis://127.0.0.1:{nodes[0].port}"):
            login.open(5.0)
    for node in nodes[1:]:
        node.has(shards(nodes[2], nodes[1]))
    login.open(5.0)
    assert login.url == nodes[2].url
    assert login.shard.nodes[0].port == nodes[2].port


def test_a_node_that_is_cut_off_from_the_others_is_left(nodes):
    login = open_at(nodes[0])
    for node in nodes[1:]:
        node.has(shards(nodes[1], nodes[2]))
    login.open(5.0)
    assert login.url == nodes[0].url  # it still takes itself for the master
    login.try_another()
    login.open(5.0)
    assert login.url == nodes[1].url


def test_of_several_nodes_that_are_named_one_suffices(nodes):
    dead, *alive = nodes
    dead.kill()
    for node in alive:
        node.has(shards(alive[1], alive[0]))
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    login = CultureLogin(f"redis://{hosts}", "crepe")
    with pytest.raises((OSError, ConnectionLostError)):
        login.open(5.0)
    login.open(5.0)
    assert login.url == alive[1].url


def test_the_move_to_another_node_is_logged(nodes, caplog):
    login = open_at(nodes[0])
    nodes[0].has(shards(nodes[1]))
    login.open(5.0)
    assert f"culture crepe is on node 127.0.0.1:{nodes[1].port} now" in caplog.text


@pytest.mark.parametrize("reply", [b"*0\r\n", shards(first=0, last=5), b"-LOADING Redis is\r\n"])
def test_a_cluster_that_has_no_node_for_the_culture_is_waited_for(nodes, reply):
    nodes[0].has(reply)
    with pytest.raises(ConnectionLostError):
        open_at(nodes[0])


def test_a_name_in_which_the_hash_tag_would_end_early_is_refused_on_a_cluster(nodes):
    with pytest.raises(StoreError, match="'a}b': on a cluster its `name` must be without"):
        open_at(nodes[0], "a}b")
    nodes[0].has(SINGLE)
    assert open_at(nodes[0], "a}b").is_cluster is False
