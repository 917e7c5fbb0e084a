"""One hop, publish to wake in another process, against a bare socket and the high-level client.

`floor` is what is left when Python does nothing but send XADD and XREAD: no message is packed or
unpacked, no writer is fenced. Each way is measured at two paces: `back to back`, where the next
segment leaves as soon as the reader has answered that it woke, and `every 3 ms`, where both sides
have been asleep and their caches are cold.
"""

import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks.peers.bare_socket import BareSocket
from benchmarks.peers.crepe_store import CrepeStore
from benchmarks.peers.floor import Floor
from benchmarks.peers.peer import BlockingPeer, check, segment
from benchmarks.peers.redis_py import RedisPy
from benchmarks.server import running_server_in

N, LEFT_OUT, REPEATS = 450, 50, 7
PAUSES_S = {"back to back": 0.0, "every 3 ms": 0.003}
WAYS: dict[str, type[BlockingPeer]] = {
    "bare": BareSocket,
    "floor": Floor,
    "store": CrepeStore,
    "plain": RedisPy,
}


def _read(way: str, place: Path, name: str, answers: Connection) -> None:
    receive = WAYS[way](place).receiver(name)
    answers.send_bytes(b"ready")
    for at in range(len(PAUSES_S)):
        late = []
        for i in range(N):
            t_ns, samples = receive()
            late.append(time.monotonic_ns() - t_ns)
            check(at * N + i, samples)
            answers.send_bytes(b"woke")
        answers.send(late)


def _p50_us(way: str, place: Path, name: str) -> dict[str, float]:
    """Return the p50 of one way at each pace."""
    context = multiprocessing.get_context("spawn")
    answers, answering = context.Pipe()
    process = context.Process(target=_read, args=(way, place, name, answering))
    process.start()
    send = WAYS[way](place).sender(name, 1)
    answers.recv_bytes()
    figures = {}
    for at, (pace, pause_s) in enumerate(PAUSES_S.items()):
        for i in range(N):
            samples = segment(at * N + i)
            send(time.monotonic_ns(), samples)
            answers.recv_bytes()
            if pause_s:
                time.sleep(pause_s)
        figures[pace] = float(np.median(answers.recv()[LEFT_OUT:])) / 1e3
    process.join()
    return figures


def run() -> dict[str, float]:
    """Return p50 of each way and their ratios at both paces, medians of interleaved repeats."""
    with tempfile.TemporaryDirectory() as directory, running_server_in(Path(directory)):
        place = Path(directory)
        runs = [{way: _p50_us(way, place, f"{way}{i}") for way in WAYS} for i in range(REPEATS)]
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
