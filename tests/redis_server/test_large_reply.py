"""Large replies: the same values as hiredis has, in aligned memory, however they are cut."""

import socket
import threading
from contextlib import contextmanager

import hiredis
import numpy as np
import pytest

from crepe.messages import Segment
from crepe.redis_server.large_reply import LargeReply, is_large
from crepe.store import codec
from crepe.store.connection import RedisConnection
from tests.fake_redis_nodes import fake_nodes
from tests.redis_server.test_cluster import SINGLE

LARGE = bytes(range(256)) * 500


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


REPLIES = [
    bulk(LARGE),
    b"*3\r\n" + bulk(LARGE) + bulk(b"") + bulk(LARGE[:-1]),
    b"*2\r\n" + bulk(b"key") + b"*2\r\n*2\r\n+OK\r\n:-7\r\n*2\r\n" + bulk(LARGE) + b"$-1\r\n",
    b"*4\r\n*-1\r\n*0\r\n" + bulk(b"\r\n$9\r\n") + bulk(LARGE),
]


@contextmanager
def sent(parts):
    """A socket that receives the parts, and then the end of the connection."""
    near, far = socket.socketpair()

    def send() -> None:
        with far:
            for part in filter(None, parts):  # nothing can be sent to a closed end, not even that
                far.sendall(part)

    sender = threading.Thread(target=send)
    sender.start()
    with near:
        near.settimeout(60)
        yield near
    sender.join()


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("n_received", [1, 2, 30, 65_536])
def test_a_reply_is_what_hiredis_reads(reply, n_received):
    reader = hiredis.Reader()
    reader.feed(reply)
    rest = reply[n_received:]
    with sent([rest[:7], rest[7:70_000], rest[70_000:]]) as opened:
        value = LargeReply(opened, reply[:n_received], ValueError).read()
    assert plain(value) == reader.gets()


def test_what_follows_a_reply_is_left():
    with sent([REPLIES[0][1:], b"+next\r\n"]) as opened:
        large = LargeReply(opened, REPLIES[0][:1], ValueError)
        large.read()
        following = large.rest
        while not following.endswith(b"\n"):
            following += opened.recv(100)
    assert following == b"+next\r\n"


def test_an_error_among_large_parts_is_a_value():
    with sent([]) as opened:
        reply = LargeReply(opened, b"*2\r\n-OOM memory\r\n" + bulk(LARGE), ValueError).read()
    assert repr(reply[0]) == "ValueError('OOM memory')"
    assert reply[1] == LARGE


@pytest.mark.parametrize("n_received", [1, 4, 20, 65_536, len(REPLIES[0]) - 1])
def test_a_connection_that_ends_within_a_reply_is_an_error_of_the_connection(n_received):
    with sent([]) as opened, pytest.raises(ConnectionResetError, match="closed"):
        LargeReply(opened, REPLIES[0][:n_received], ValueError).read()


def test_other_bytes_are_an_error_of_the_connection():
    with sent([]) as opened, pytest.raises(ConnectionResetError, match="no reply of Redis"):
        LargeReply(opened, b"HTTP/1.1 400\r\n", ValueError).read()


def test_samples_of_a_large_payload_are_a_view_of_it_in_aligned_memory():
    samples = np.arange(60_007, dtype=np.int32).reshape(1, -1)
    payload = codec.pack([Segment(0, 60_007, samples)], 0, 60_007)
    with sent([]) as opened:
        part = LargeReply(opened, bulk(payload), ValueError).read()
    ((segment,), unreadable) = codec.read(Segment, part, 0, 60_007)
    assert not unreadable
    assert np.shares_memory(segment.samples, np.frombuffer(part, np.uint8))
    assert segment.samples.flags.aligned
    assert not segment.samples.flags.writeable
    assert np.array_equal(segment.samples, samples)


def test_only_a_large_part_makes_a_reply_large():
    assert is_large(memoryview(b"*1\r\n$100000\r\n"))
    assert not is_large(memoryview(b"*1\r\n$99999\r\n"))


def test_a_connection_reads_on_after_a_large_reply():
    with fake_nodes(1) as (node,):
        node.has(SINGLE)
        node.replies[b"XREAD"] = REPLIES[1]
        node.replies[b"GET"] = bulk(b"yes")
        connection = RedisConnection(node.url, "test")
        connection.connect()
        for _ in range(3):
            assert plain(connection.call("XREAD", "x")) == [LARGE, b"", LARGE[:-1]]
            assert connection.call("GET", "x") == b"yes"
        replies = connection.call_all([("GET", "x"), ("XREAD", "x"), ("GET", "x")])
        assert plain(replies) == [b"yes", [LARGE, b"", LARGE[:-1]], b"yes"]
        connection.disconnect()
