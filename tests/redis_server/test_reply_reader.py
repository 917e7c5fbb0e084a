"""Replies of a pipeline, in whatever pieces they arrive."""

import hiredis
import pytest

from crepe.redis_server.reply_reader import ReplyReader
from tests.redis_server.test_large_reply import LARGE, bulk, plain

ENTRY = b"*1\r\n*2\r\n" + bulk(b"500-0") + b"*2\r\n" + bulk(b"p") + bulk(LARGE)
PIPELINE = b":1\r\n" + ENTRY + b"*0\r\n" + ENTRY + b"-OOM\r\n"
N_REPLIES = 5


class Pieces:
    """A socket whose bytes arrive in pieces that end at given positions, and at the end."""

    def __init__(self, data, cuts):
        ends = sorted({*cuts, len(data)})
        self._pieces = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def recv_into(self, buffer):
        if not self._pieces:
            return 0
        piece = self._pieces[0]
        n = min(len(piece), len(buffer))
        memoryview(buffer).cast("B")[:n] = piece[:n]
        self._pieces[0] = piece[n:]
        if n == len(piece):
            del self._pieces[0]
        return n

    def recv(self, n_bytes):
        buffer = bytearray(n_bytes)
        return bytes(buffer[: self.recv_into(buffer)])


def read_all(data, cuts, n_replies):
    reader = ReplyReader(Pieces(data, cuts), ValueError)
    return [reader.read() for _ in range(n_replies)]


def expected():
    reader = hiredis.Reader(replyError=ValueError)
    reader.feed(PIPELINE)
    return [reader.gets() for _ in range(N_REPLIES)]


def near_the_ends(n_bytes=60):
    """Positions around the beginning of each large reply, where its header may be cut."""
    second = len(b":1\r\n" + ENTRY)
    return [*range(1, n_bytes), *range(second - 10, second + n_bytes)]


@pytest.mark.parametrize("then", [0, 4, 100_003])
def test_a_pipeline_is_read_as_hiredis_reads_it_wherever_it_is_cut(then):
    *values, error = expected()
    for cut in near_the_ends():
        *replies, last = read_all(PIPELINE, (cut, cut + then), N_REPLIES)
        assert [plain(reply) for reply in replies] == values, cut
        assert repr(last) == repr(error)


def test_a_connection_that_ends_is_an_error_of_the_connection():
    with pytest.raises(ConnectionResetError, match="closed"):
        read_all(PIPELINE, (), N_REPLIES + 1)
