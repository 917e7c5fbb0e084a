"""The drain: RHX is never held up, whatever its reader does."""

import socket
import threading

import numpy as np
import pytest

from crepe.hw.rhx import drain as module
from crepe.hw.rhx.blocks import FRAMES, BlockParser, pack_block
from crepe.hw.rhx.drain import Drain
from tests.running_rhx import wait_for

BLOCK = np.zeros((2, FRAMES), np.uint16)


class Bench:
    """The far ends of both data ports, and a drain on the near ones."""

    def __init__(self):
        self.waveforms, self.near = socket.socketpair()
        self.spikes, near_spikes = socket.socketpair()
        self.reasons = []
        self.drain = Drain([self.near, near_spikes], 2, self.reasons.append)
        self.waveforms.settimeout(20)

    def send(self, first, n):
        for i in range(first, first + n):
            self.waveforms.sendall(pack_block(i * FRAMES, BLOCK))

    def close(self):
        self.drain.close()
        self.waveforms.close()
        self.spikes.close()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_a_client_gets_whole_blocks_from_the_next_on(bench):
    block = pack_block(0, BLOCK)
    bench.waveforms.sendall(block[:100])
    client, near = socket.socketpair()
    client.settimeout(20)
    wait_for(lambda: bench.drain._at == 100)
    bench.drain.join(near)
    bench.waveforms.sendall(block[100:])
    bench.send(1, 3)
    parser, blocks = BlockParser(2), []
    while len(blocks) < 3:
        blocks += parser.feed(client.recv(1 << 16))
    assert [it.timestamp for it in blocks] == [FRAMES, 2 * FRAMES, 3 * FRAMES]
    client.close()


def test_without_a_client_all_is_read_and_dropped(bench):
    sender = threading.Thread(target=bench.send, args=(0, 5000), daemon=True)  # 5 MB
    sender.start()
    sender.join(60)
    assert not sender.is_alive()


def test_a_client_that_does_not_read_is_cut_off_and_rhx_is_not_held(bench, monkeypatch):
    monkeypatch.setattr(module, "_CLIENT_BYTES", 1 << 20)
    client, near = socket.socketpair()
    bench.drain.join(near)
    sender = threading.Thread(target=bench.send, args=(0, 5000), daemon=True)
    sender.start()
    sender.join(60)
    assert not sender.is_alive()
    wait_for(lambda: bench.drain._client is None)
    client.close()


def test_a_client_that_reads_is_never_cut_off_however_much_it_gets(bench, monkeypatch):
    monkeypatch.setattr(module, "_CLIENT_BYTES", 1 << 17)
    client, near = socket.socketpair()
    client.settimeout(20)
    bench.drain.join(near)
    block = len(pack_block(0, BLOCK))
    n_bytes = 0
    for i in range(0, 1000, 50):
        bench.send(i, 50)
        n_bytes += 50 * block
        while n_bytes:
            n_bytes -= len(client.recv(1 << 16))
    assert bench.drain._client is near
    assert bench.drain._queued == 0
    client.close()


def test_a_client_that_lags_gets_everything_although_no_more_comes(bench):
    client, near = socket.socketpair()
    client.settimeout(20)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    bench.drain.join(near)
    data = b"".join(pack_block(i * FRAMES, BLOCK) for i in range(1000))
    bench.waveforms.sendall(data)  # in pieces that are larger than what a client takes at once
    received = b""
    while len(received) < len(data):
        received += client.recv(1 << 16)
    assert received == data
    client.close()


def test_a_client_that_leaves_ends_nothing_and_the_next_one_gets_the_data(bench):
    for first in (0, 10):
        client, near = socket.socketpair()
        client.settimeout(20)
        bench.drain.join(near)
        bench.send(first, 2)
        parser, blocks = BlockParser(2), []
        while len(blocks) < 2:
            blocks += parser.feed(client.recv(1 << 16))
        assert [it.timestamp for it in blocks] == [first * FRAMES, (first + 1) * FRAMES]
        client.close()
        bench.send(first + 2, 1)
        wait_for(lambda: bench.drain._client is None)
    assert not bench.drain.is_closed
    assert bench.reasons == []


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_client_that_joins_takes_the_data_from_the_one_before(bench, has_begun, caplog):
    (first, near_first), (second, near_second) = socket.socketpair(), socket.socketpair()
    for client in (first, second):
        client.settimeout(20)
    bench.drain.join(near_first)
    if has_begun:
        bench.send(0, 1)
        assert BlockParser(2).feed(first.recv(1 << 16))
    bench.drain.join(near_second)
    assert first.recv(1) == b""
    assert ("another client has taken the data" in caplog.text) == has_begun
    bench.send(1, 1)
    assert BlockParser(2).feed(second.recv(1 << 16))[0].timestamp == FRAMES
    first.close()
    second.close()


def test_spikes_are_drained_too_and_are_no_sign_of_samples(bench):
    before_s = bench.drain.received_s
    bench.spikes.settimeout(20)
    bench.spikes.sendall(bytes(4 << 20))
    assert bench.drain.received_s == before_s
    bench.send(0, 1)
    wait_for(lambda: bench.drain.received_s > before_s)


def test_a_port_that_fails_is_reported(bench):
    bench.near.sendall(b"unread")  # so that closing the other end resets the connection
    bench.waveforms.close()
    wait_for(lambda: bench.reasons)
    assert [reason.partition("[")[0] for reason in bench.reasons] == ["data port: "]
    assert bench.drain.is_closed


def test_a_port_that_rhx_closes_is_reported(bench):
    bench.waveforms.close()
    wait_for(lambda: bench.reasons == ["data port: closed by RHX"])


def test_closing_reports_nothing_and_ends_the_client(bench):
    client, near = socket.socketpair()
    client.settimeout(20)
    bench.drain.join(near)
    bench.drain.close()
    assert client.recv(1) == b""
    bench.drain._thread.join(20)
    assert bench.reasons == []
    client.close()


def test_a_client_that_joins_after_the_end_is_closed_at_once(bench):
    client, near = socket.socketpair()
    client.settimeout(20)
    bench.drain.close()
    bench.drain.join(near)
    assert client.recv(1) == b""
    assert near.fileno() == -1
    client.close()
