"""One segment over RPyC: ours, and a service as the original's description has it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Process
from typing import Any

import numpy as np
import rpyc
from rpyc.utils.server import ThreadedServer

from benchmarks.server import running_server
from crepe.legacy.rpyc_server import StreamDoor, started
from crepe.messages import StreamInfo
from crepe.settings import RPYC_CONFIG
from crepe.store import Store, Stream
from crepe.store.groups.grouped_redis import GroupedRedis
from crepe.store.redis_store import RedisStore

N_CHANNELS, N_SAMPLES, N_SEGMENTS = 60, 100, 50
N_ROUNDS = 9
PORTS = {"lists": 28_861, "int32": 28_862, "float64": 28_863}


class ListsService(rpyc.Service):  # type: ignore[misc]  # RPyC has no types
    """The original as its description has it: lists of lists, handed over by reference."""

    def __init__(self) -> None:
        n = N_SAMPLES * N_SEGMENTS
        self.stream = [[float(channel * n + i) for i in range(n)] for channel in range(N_CHANNELS)]

    def get_row_segment(self, row: int, n: int, start: int) -> Any:
        if start >= len(self.stream[row]):
            return False
        return self.stream[row][start : start + n]

    def exposed_get_stream_segment(self, n: int, start: int) -> Any:
        segment = [self.get_row_segment(row, n, start) for row in range(len(self.stream))]
        if any(row is False for row in segment):
            return False
        shortest = min(map(len, segment))
        return [row[:shortest] for row in segment]


def _serve_lists(port: int) -> None:
    ThreadedServer(ListsService(), "127.0.0.1", port=port).start()


def _serve_ours(url: str, stream: str, port: int) -> None:
    def open_store() -> GroupedRedis:
        return GroupedRedis(url, "crepe", "bench", 5.0)

    started(StreamDoor(stream, open_store), "127.0.0.1", port, "")
    time.sleep(3600)  # until the benchmark ends this process


@contextmanager
def _connected(target: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """Yield a connection to a server in a process of its own, at the port that comes last."""
    process = Process(target=target, args=arguments)
    process.start()
    try:
        while True:
            try:
                connection = rpyc.connect("localhost", arguments[-1], config=RPYC_CONFIG)
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        with connection:
            yield connection
    finally:
        process.terminate()
        process.join()


def _write(url: str, dtype: str) -> Stream:
    """Return a stream of 50 segments, named for its dtype."""
    store = RedisStore(url, keep_s=1e6)
    labels = tuple(map(str, range(N_CHANNELS)))
    store.declare(dtype, StreamInfo(labels=labels, dtype=dtype, is_live=True))
    stream = Store(store)[dtype]
    samples = np.arange(N_CHANNELS * N_SAMPLES).reshape(N_CHANNELS, N_SAMPLES).astype(dtype)
    for _ in range(N_SEGMENTS):
        stream.append(samples)
    return stream


def run() -> dict[str, float]:
    """Measure segments of 60 x 100 samples as arrays, all ways in turn."""
    durations_s: dict[str, list[float]] = {}

    def measure(way: str, read: Callable[[int], Any], at: int) -> Any:
        began_s = time.perf_counter()
        samples = read(at)
        durations_s.setdefault(way, []).append(time.perf_counter() - began_s)
        return samples

    with ExitStack() as stack:
        url = stack.enter_context(running_server())
        streams = {dtype: _write(url, dtype) for dtype in ("int32", "float64")}
        lists = stack.enter_context(_connected(_serve_lists, PORTS["lists"]))
        ours = {
            dtype: stack.enter_context(_connected(_serve_ours, url, dtype, PORTS[dtype]))
            for dtype in streams
        }
        for i in range(N_ROUNDS):
            measure(
                "lists",
                lambda at: np.array(
                    [list(row) for row in lists.root.get_stream_segment(N_SAMPLES, at)]
                ),
                i * N_SAMPLES,
            )
            for dtype, stream in streams.items():
                for at in range(0, 5 * N_SAMPLES, N_SAMPLES):
                    direct = measure(
                        f"direct {dtype}", lambda at, s=stream: s.read(at, at + N_SAMPLES), at
                    )
                    sent = measure(
                        dtype,
                        lambda at, c=ours[dtype]: np.array(
                            c.root.get_stream_segment(N_SAMPLES, at)
                        ),
                        at,
                    )
                    if not np.array_equal(sent, direct):
                        raise RuntimeError("RPyC and the store gave different samples")
    median_s = {way: float(np.median(times)) for way, times in durations_s.items()}
    return {
        "original's lists ms": median_s["lists"] * 1e3,
        **{f"ours ms, {dtype}": median_s[dtype] * 1e3 for dtype in streams},
        **{f"direct ms, {dtype}": median_s[f"direct {dtype}"] * 1e3 for dtype in streams},
        **{
            f"lists / ours (at least 100), {dtype}": median_s["lists"] / median_s[dtype]
            for dtype in streams
        },
    }
