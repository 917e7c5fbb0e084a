"""Indexed reads in long and short streams, bulk reads, and the replay of a recording."""

import time
from collections.abc import Callable
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.server import running_server
from crepe.hw.generator import Generator, GeneratorSettings
from crepe.messages import Segment, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore

INFO = StreamInfo(labels=("a", "b"), is_live=True)
WIDE = StreamInfo(labels=tuple(map(str, range(60))), is_live=True)


def _filled(url: str, name: str, info: StreamInfo, n_entries: int) -> Store:
    store = RedisStore(url, keep_s=1e6)
    store.declare(name, info)
    samples = np.zeros((info.n_channels, 100), np.int32)
    payload = codec.pack([Segment(0, 100, samples)], 0, 100)
    for i in range(n_entries):
        store.append([(name, Entry(100 * i, 100 * i + 100, payload))])
    return Store(store)


def _median_s(call: Callable[[], object], n: int) -> float:
    times = []
    for _ in range(n):
        began_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - began_s)
    return float(np.median(times))


def indexed() -> dict[str, float]:
    """Measure reads of one second anywhere: 100,000 entries against 1,000, in turn."""
    with running_server() as url:
        stores = {n: _filled(url, f"data:n{n}", INFO, n) for n in (1_000, 100_000)}
        rng = np.random.default_rng(0)
        durations_s: dict[int, list[float]] = {n: [] for n in stores}
        for _ in range(300):
            for n, store in stores.items():
                stream, at = store[f"data:n{n}"], int(rng.integers(0, 100 * n - 10_000))
                durations_s[n].append(_median_s(lambda s=stream, a=at: s.read(a, a + 10_000), 1))
    short, long = (float(np.median(durations_s[n])) for n in stores)
    return {
        "1,000 entries us": short * 1e6,
        "100,000 entries us": long * 1e6,
        "long / short (at most 1.3)": long / short,
    }


def bulk() -> dict[str, float]:
    """Measure a bulk read through the client: 60 channels, 100 s of signal."""
    with running_server() as url:
        stream = _filled(url, "data", WIDE, 10_000)["data"]
        seconds = _median_s(lambda: stream.read(0, 1_000_000), 5)
    return {"MB/s (at least 500)": 60 * 1_000_000 * 4 / seconds / 1e6}


def _follow(url: str, name: str, n_read: Connection) -> None:
    """Follow a stream to its end, in a separate process; send the number of samples."""
    with Store(url) as store:
        while name not in store:
            time.sleep(0.001)
        n_read.send(sum(segment.samples.shape[1] for segment in store[name].follow()))


def replay() -> dict[str, float]:
    """Measure a replay of 60 channels at 10 kHz, at full speed, through Redis to a reader."""
    import tempfile
    from pathlib import Path

    from crepe.actors.actor import ActorContext
    from crepe.actors.record import Record
    from crepe.hw.device import open_recorder
    from crepe.hw.instrument import EndOfData

    settings = GeneratorSettings(n_channels=60, speed=0, duration_s=60)
    generator = Generator(settings)
    info = generator.open(0)
    with running_server() as url, tempfile.TemporaryDirectory() as directory:
        record = Record()
        start = ActorContext(inputs={"data": info}, recordings=Path(directory), session="bench")
        record.open(start)
        while True:
            try:
                segment = generator.read(1.0)
            except EndOfData:
                break
            if segment is not None:
                record.step_from("data", segment)
        record.finish()
        record.close()
        store, elapsed = RedisStore(url), []
        for name in ("data:r0", "data:r1", "data:r2"):
            ours, theirs = Pipe()
            reader = Process(target=_follow, args=(url, name, theirs))
            reader.start()
            recorder = open_recorder(f"hdf5://{directory}/bench.h5?speed=0")
            store.declare(name, recorder.open(0))
            began_s = time.perf_counter()
            stop = 0
            while True:
                try:
                    segment = recorder.read(1.0)
                except EndOfData:
                    break
                if segment is not None:
                    stop = segment.stop
                    payload = codec.pack([segment], segment.start, stop)
                    store.append([(name, Entry(segment.start, stop, payload))])
            store.append([(name, Entry(stop, stop, is_end=True))])
            n_read = ours.recv()
            elapsed.append(time.perf_counter() - began_s)
            reader.join()
            if n_read != 60 * 10_000:
                raise RuntimeError(f"the reader got {n_read} samples")
    return {"times real time (at least 20)": 60 / float(np.median(elapsed))}
