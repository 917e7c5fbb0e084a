"""What a segment costs by its size and its readers: CPU time of writer, server and each reader.

    python -m benchmarks.costs

One segment each 10 ms through the store, as actors write and wait. Least squares over all cases
give a price per segment and per kB; docs/explanations/scaling.md calculates with them. CPU time
depends less on other work than latencies do.
"""

import multiprocessing
import time
from itertools import product
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.server import running_server
from crepe.messages import Segment, StreamInfo
from crepe.store import codec
from crepe.store.connection import RedisConnection
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore

N_CHANNELS = (60, 240, 1024, 4096)
N_READERS = (0, 1, 4)
N_SAMPLES = 100
N_SEGMENTS = 300
N_FIRST = 50  # that do not count: caches and buffers still grow
EVERY_S = 0.01
STREAM = "data"


def _read(url: str, pipe: Connection) -> None:
    """Read all segments of a stream as an actor does; send the CPU time of one, in us."""
    store, stop, began_s = RedisStore(url), 0, 0.0
    pipe.send(None)
    while stop < N_SEGMENTS * N_SAMPLES:
        for _, entry in store.wait({STREAM: stop}, 1.0):
            assert isinstance(entry, Entry)
            codec.unpack(Segment, entry.payload, entry.start, entry.stop)
            stop = entry.stop
            if stop == N_FIRST * N_SAMPLES:
                began_s = time.process_time()
    pipe.send(1e6 * (time.process_time() - began_s) / (N_SEGMENTS - N_FIRST))
    store.close()


def _server_s(connection: RedisConnection) -> float:
    lines = str(connection.call("INFO", "cpu"), "ascii").split()
    times = dict(line.split(":") for line in lines if ":" in line)
    return float(times["used_cpu_user"]) + float(times["used_cpu_sys"])


def case(n_channels: int, n_readers: int) -> tuple[float, float, float]:
    """Return the CPU time of a segment in us: of writer, server and one reader."""
    spawn = multiprocessing.get_context("spawn")
    samples = np.random.default_rng(1).integers(-999, 999, (n_channels, N_SAMPLES), np.int32)
    with running_server() as url:
        store, server = RedisStore(url), RedisConnection(url, "costs")
        server.connect()
        labels = tuple(map(str, range(n_channels)))
        store.declare(STREAM, StreamInfo(labels=labels, is_live=True))
        pipes = [spawn.Pipe() for _ in range(n_readers)]
        readers = [spawn.Process(target=_read, args=(url, theirs)) for _, theirs in pipes]
        for reader, (ours, _) in zip(readers, pipes, strict=True):
            reader.start()
            ours.recv()
        began_s = writer_s = 0.0
        due_s = time.monotonic()
        for i in range(N_SEGMENTS):
            if i == N_FIRST:
                began_s, writer_s = _server_s(server), time.process_time()
            start, stop = i * N_SAMPLES, (i + 1) * N_SAMPLES
            payload = codec.pack([Segment(start, stop, samples)], start, stop)
            store.append([(STREAM, Entry(start, stop, payload, time.time_ns()))])
            due_s += EVERY_S
            time.sleep(max(0.0, due_s - time.monotonic()))
        writer_us = 1e6 * (time.process_time() - writer_s) / (N_SEGMENTS - N_FIRST)
        reader_us = [ours.recv() for ours, _ in pipes]
        server_us = 1e6 * (_server_s(server) - began_s) / (N_SEGMENTS - N_FIRST)
        for reader in readers:
            reader.join()
        server.disconnect()
        store.close()
    return writer_us, server_us, float(np.mean(reader_us)) if reader_us else np.nan


def main() -> None:
    rows = []
    print("channels  kB a segment  readers   writer us  server us  each reader us")
    for n_channels, n_readers in product(N_CHANNELS, N_READERS):
        kb = n_channels * N_SAMPLES * 4 / 1000
        rows.append((kb, n_readers, *case(n_channels, n_readers)))
        print("{:8} {:13.0f} {:8} {:11.0f} {:10.0f} {:15.0f}".format(n_channels, *rows[-1]))
    kb, readers, writer_us, server_us, reader_us = np.array(rows).T
    has_reader = readers > 0
    ones = np.ones_like(kb)
    prices = {
        "writer": _fit([ones, kb], writer_us),
        "server, for the writer and for each reader": _fit(
            [ones, kb, readers, readers * kb], server_us
        ),
        "each reader": _fit([ones[has_reader], kb[has_reader]], reader_us[has_reader]),
    }
    for name, values in prices.items():
        pairs = ", ".join(
            f"{us:.0f} us + {us_per_kb:.3f} us/kB"
            for us, us_per_kb in zip(values[::2], values[1::2], strict=True)
        )
        print(f"{name}: {pairs}")


def _fit(columns: list[np.ndarray], us: np.ndarray) -> np.ndarray:
    """Return the least squares of relative errors, so that small segments count as large ones."""
    solution: np.ndarray = np.linalg.lstsq(np.stack(columns, 1) / us[:, None], us / us)[0]
    return solution


if __name__ == "__main__":
    main()
