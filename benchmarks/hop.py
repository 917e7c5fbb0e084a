"""One hop, publish to wake in another process, against a bare socket and the high-level client.

`floor` is what is left when Python does nothing but send XADD and XREAD: no message is packed or
unpacked, no writer is fenced. Each way is measured at two paces: `back to back`, where the next
segment leaves as soon as the reader has answered that it woke, and `every 3 ms`, where both sides
have been asleep and their caches are cold.
"""

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import hiredis
import msgpack
import msgpack_numpy
import numpy as np
import redis

from benchmarks.server import running_server
from crepe.messages import Segment, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore

N, LEFT_OUT, REPEATS = 450, 50, 7
PAUSES_S = {"back to back": 0.0, "every 3 ms": 0.003}
SAMPLES = np.random.default_rng(0).integers(-1000, 1000, (60, 100), dtype=np.int32)
INFO = StreamInfo(labels=tuple(map(str, range(60))), is_live=True)

# A way has a reader, which gives the time that stands in each segment when it has that segment in
# hand (and a 0 before, when it is ready), and a writer, which makes what publishes segment i.
Reader = Callable[[str, str], Iterator[int]]
Writer = Callable[[str, str], Callable[[int], object]]


def _bare_reader(url: str, name: str) -> Iterator[int]:
    size = 8 + SAMPLES.nbytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(_path(url, name))
        server.listen()
        yield 0
        client, _ = server.accept()
        while True:
            data = bytearray()
            while len(data) < size:
                data += client.recv(size - len(data))
            yield int.from_bytes(data[:8], "little")


def _bare_writer(url: str, name: str) -> Callable[[int], object]:
    client = socket.socket(socket.AF_UNIX)
    client.connect(_path(url, name))

    def publish(i: int) -> None:
        del i
        client.sendall(time.monotonic_ns().to_bytes(8, "little") + SAMPLES.tobytes())

    return publish


def _path(url: str, name: str) -> str:
    return str(Path(url.removeprefix("unix://")).with_name(f"{name}.sock"))


class _Bare:
    """Redis commands on a bare socket."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(url.removeprefix("unix://"))
        self._replies = hiredis.Reader()

    def call(self, *arguments: str | bytes | int) -> Any:
        self._socket.sendall(hiredis.pack_command(arguments))
        while (reply := self._replies.gets()) is False:
            self._replies.feed(self._socket.recv(1 << 16))
        return reply


def _floor_reader(url: str, name: str) -> Iterator[int]:
    redis_, last = _Bare(url), b"0-0"
    yield 0
    while True:
        read = ("XREAD", "COUNT", 64, "BLOCK", 1000, "STREAMS", name, last)
        for _, entries in redis_.call(*read) or ():
            for identity, fields in entries:
                yield int(fields[1])
                last = identity


def _floor_writer(url: str, name: str) -> Callable[[int], object]:
    redis_ = _Bare(url)

    def publish(i: int) -> None:
        t_ns = time.monotonic_ns()
        redis_.call("XADD", name, f"{100 * i + 100}-0", "t_ns", t_ns, "data", SAMPLES.tobytes())

    return publish


def _store_reader(url: str, name: str) -> Iterator[int]:
    store, cursor = RedisStore(url), 0
    yield 0
    while True:
        for _, entry in store.wait({name: cursor}, 1.0):
            assert isinstance(entry, Entry)
            codec.unpack(Segment, entry.payload, entry.start, entry.stop)
            yield entry.t_ns
            cursor = entry.stop


def _store_writer(url: str, name: str) -> Callable[[int], object]:
    store = RedisStore(url)
    store.declare(name, INFO)

    def publish(i: int) -> None:
        t_ns = time.monotonic_ns()
        start, stop = 100 * i, 100 * i + 100
        payload = codec.pack([Segment(start, stop, SAMPLES)], start, stop)
        store.append([(name, Entry(start, stop, payload, t_ns))])

    return publish


def _plain_reader(url: str, name: str) -> Iterator[int]:
    client, last = redis.Redis.from_url(url, socket_timeout=None), "0-0"
    yield 0
    while True:
        for _, entries in client.xread({name: last}, count=64, block=1000):
            for identity, fields in entries:
                msgpack.unpackb(fields[b"data"], object_hook=msgpack_numpy.decode)
                yield int(fields[b"t_ns"])
                last = identity


def _plain_writer(url: str, name: str) -> Callable[[int], object]:
    client = redis.Redis.from_url(url)

    def publish(i: int) -> None:
        t_ns = time.monotonic_ns()
        data = msgpack.packb({"samples": SAMPLES}, default=msgpack_numpy.encode)
        identity = f"{100 * i + 100}-0"
        client.xadd(name, {"t_ns": t_ns, "data": data}, id=identity, maxlen=30_000)

    return publish


WAYS: dict[str, tuple[Reader, Writer]] = {
    "bare": (_bare_reader, _bare_writer),
    "floor": (_floor_reader, _floor_writer),
    "store": (_store_reader, _store_writer),
    "plain": (_plain_reader, _plain_writer),
}


def _read(way: str, url: str, name: str, answers: Connection) -> None:
    arrivals = WAYS[way][0](url, name)
    next(arrivals)
    answers.send_bytes(b"ready")
    for _ in PAUSES_S:
        late = []
        for _ in range(N):
            t_ns = next(arrivals)
            late.append(time.monotonic_ns() - t_ns)
            answers.send_bytes(b"woke")
        answers.send(late)


def _p50_us(way: str, url: str, name: str) -> dict[str, float]:
    """Return the p50 of one way at each pace."""
    context = multiprocessing.get_context("spawn")
    answers, answering = context.Pipe()
    process = context.Process(target=_read, args=(way, url, name, answering))
    process.start()
    answers.recv_bytes()
    publish = WAYS[way][1](url, name)
    figures = {}
    for at, (pace, pause_s) in enumerate(PAUSES_S.items()):
        for i in range(N):
            publish(at * N + i)
            answers.recv_bytes()
            if pause_s:
                time.sleep(pause_s)
        figures[pace] = float(np.median(answers.recv()[LEFT_OUT:])) / 1e3
    process.join()
    return figures


def run() -> dict[str, float]:
    """Return p50 of each way and their ratios at both paces, medians of interleaved repeats."""
    with running_server() as url:
        runs = [{way: _p50_us(way, url, f"{way}{i}") for way in WAYS} for i in range(REPEATS)]
    p50 = {
        (way, pace): np.array([run[way][pace] for run in runs]) for way in WAYS for pace in PAUSES_S
    }
    ratios = {
        "store / bare (at most 4.5)": ("store", "bare"),
        "store / plain redis-py (at most 0.7)": ("store", "plain"),
        "floor / bare": ("floor", "bare"),
        "floor / plain redis-py": ("floor", "plain"),
        "store / floor": ("store", "floor"),
    }
    figures = {f"{way} p50 us, {pace}": float(np.median(p50[way, pace])) for way, pace in p50}
    for name, (of, to) in ratios.items():
        for pace in PAUSES_S:
            figures[f"{name}, {pace}"] = float(np.median(p50[of, pace] / p50[to, pace]))
    return figures
