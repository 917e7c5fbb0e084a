"""One hop, publish to wake in another process, against a bare socket and the high-level client.

`floor` is what is left when Python does nothing but send XADD and XREAD: no message is packed or
unpacked, no writer is fenced. No store on Redis can be faster.
"""

import multiprocessing
import socket
import tempfile
import time
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

N, REPEATS, PAUSE_S = 400, 5, 0.003
SAMPLES = np.random.default_rng(0).integers(-1000, 1000, (60, 100), dtype=np.int32)
INFO = StreamInfo(labels=tuple(map(str, range(60))), is_live=True)


def _bare_reader(path: str, ready: Any, found: Any) -> None:
    size = 8 + SAMPLES.nbytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        ready.set()
        client, _ = server.accept()
        late = []
        for _ in range(N):
            data = bytearray()
            while len(data) < size:
                data += client.recv(size - len(data))
            late.append(time.monotonic_ns() - int.from_bytes(data[:8], "little"))
    found.put(late)


def _bare(url: str, ready: Any, path: str) -> None:
    del url
    ready.wait()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        for _ in range(N):
            client.sendall(time.monotonic_ns().to_bytes(8, "little") + SAMPLES.tobytes())
            time.sleep(PAUSE_S)


def _store_reader(url: str, name: str, ready: Any, found: Any) -> None:
    store, cursor, late = RedisStore(url), 0, []
    ready.set()
    while len(late) < N:
        for _, entry in store.wait({name: cursor}, 1.0):
            codec.unpack(Segment, entry.payload, entry.start, entry.stop)
            late.append(time.monotonic_ns() - entry.t_ns)
            cursor = entry.stop
    found.put(late)


def _store(url: str, ready: Any, name: str) -> None:
    store = RedisStore(url)
    store.declare(name, INFO)
    ready.wait()
    for i in range(N):
        t_ns = time.monotonic_ns()
        start, stop = 100 * i, 100 * i + 100
        payload = codec.pack([Segment(start, stop, SAMPLES)], start, stop)
        store.append([(name, Entry(start, stop, payload, t_ns))])
        time.sleep(PAUSE_S)


def _plain_reader(url: str, name: str, ready: Any, found: Any) -> None:
    client, last, late = redis.Redis.from_url(url, socket_timeout=None), "0-0", []
    ready.set()
    while len(late) < N:
        for _, entries in client.xread({name: last}, count=64, block=1000):
            for identity, fields in entries:
                msgpack.unpackb(fields[b"data"], object_hook=msgpack_numpy.decode)
                late.append(time.monotonic_ns() - int(fields[b"t_ns"]))
                last = identity
    found.put(late)


def _plain(url: str, ready: Any, name: str) -> None:
    client = redis.Redis.from_url(url)
    ready.wait()
    for i in range(N):
        t_ns = time.monotonic_ns()
        data = msgpack.packb({"samples": SAMPLES}, default=msgpack_numpy.encode)
        identity = f"{100 * i + 100}-0"
        client.xadd(name, {"t_ns": t_ns, "data": data}, id=identity, maxlen=30_000)
        time.sleep(PAUSE_S)


class _Bare:
    """Redis commands on a bare socket."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(url.removeprefix("unix://"))
        self._replies = hiredis.Reader()

    def call(self, *words: str | bytes | int) -> Any:
        self._socket.sendall(hiredis.pack_command(words))
        while (reply := self._replies.gets()) is False:
            self._replies.feed(self._socket.recv(1 << 16))
        return reply


def _floor_reader(url: str, name: str, ready: Any, found: Any) -> None:
    redis_, last, late = _Bare(url), b"0-0", []
    ready.set()
    while len(late) < N:
        for _, entries in (
            redis_.call("XREAD", "COUNT", 64, "BLOCK", 1000, "STREAMS", name, last) or ()
        ):
            for identity, fields in entries:
                late.append(time.monotonic_ns() - int(fields[1]))
                last = identity
    found.put(late)


def _floor(url: str, ready: Any, name: str) -> None:
    redis_ = _Bare(url)
    ready.wait()
    for i in range(N):
        t_ns = time.monotonic_ns()
        redis_.call("XADD", name, f"{100 * i + 100}-0", "t_ns", t_ns, "data", SAMPLES.tobytes())
        time.sleep(PAUSE_S)


def run() -> dict[str, float]:
    """p50 of each way and their ratios, medians over interleaved repeats."""
    found: dict[str, list[float]] = {"bare": [], "floor": [], "store": [], "plain": []}
    context = multiprocessing.get_context("spawn")
    with running_server() as url, tempfile.TemporaryDirectory() as directory:
        for i in range(REPEATS):
            for kind, read, write in (
                ("bare", _bare_reader, _bare),
                ("floor", _floor_reader, _floor),
                ("store", _store_reader, _store),
                ("plain", _plain_reader, _plain),
            ):
                name = str(Path(directory) / f"s{i}") if kind == "bare" else f"data:{kind}{i}"
                ready, queue = context.Event(), context.Queue()
                words = (name, ready, queue) if kind == "bare" else (url, name, ready, queue)
                process = context.Process(target=read, args=words)
                process.start()
                write(url, ready, name)
                found[kind].append(float(np.median(queue.get(timeout=60)[50:])) / 1e3)
                process.join()
    p50 = {kind: float(np.median(values)) for kind, values in found.items()}

    def ratio(of: str, to: str) -> float:
        return float(np.median([a / b for a, b in zip(found[of], found[to], strict=True)]))

    return {
        **{f"{kind} p50 us": value for kind, value in p50.items()},
        "store / bare (at most 4.5)": ratio("store", "bare"),
        "store / plain redis-py (at most 0.7)": ratio("store", "plain"),
        "floor / bare": ratio("floor", "bare"),
        "store / floor": ratio("store", "floor"),
    }
