"""Measurements of one peer, each with processes and a broker of its own."""

import importlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil

from benchmarks.peers.peer import Meet, Peer

PEERS = {
    "bare": "bare_socket:BareSocket",
    "zeromq": "zeromq:ZeroMq",
    "ezmsg": "ezmsg_nodes:EzmsgNodes",
    "lsl": "lsl:Lsl",
    "floor": "floor:Floor",
    "redis-py": "redis_py:RedisPy",
    "brand": "redis_py:Brand",
    "crepe": "crepe_store:CrepeStore",
}
"""Where the class of each peer is; imported in the processes that need it, and nowhere else."""

PAUSE_S = 0.003
N, LEFT_OUT = 700, 100  # segments sent, and those of them that only warm the peer up
N_PAST = 1_000  # segments of the past, 10 s

_CONTEXT = get_context("spawn")
_WAIT_S = 60.0

Figures = dict[str, float]


def peer(name: str, place: Path) -> Peer:
    """Return a peer. Raises ImportError if its package is not installed."""
    module, _, attribute = PEERS[name].partition(":")
    of_class = getattr(importlib.import_module(f"benchmarks.peers.{module}"), attribute)
    return cast(Peer, of_class(place))


def fan_out(name: str, n_readers: int) -> Figures:
    """Return p50 and p99 of the time until the last of some readers has a segment."""
    roles = [("write", ("topic", N, PAUSE_S, n_readers))]
    roles += [("read", ("topic", N))] * n_readers
    with _running(name, roles) as (_, _, answers):
        took_ns = [_last(each) for each in answers[1:]]
    return _percentiles(f"to {n_readers}", np.max(took_ns, axis=0))


def loop(name: str) -> Figures:
    """Return p50 and p99 of a segment's way through another process and back."""
    with _running(name, [("echo", (N,)), ("loop", (N, PAUSE_S))]) as (_, _, answers):
        took_ns = _last(answers[1])
    return _percentiles("loop", took_ns)


def start_up(name: str) -> Figures:
    """Return the time from nothing to the first segment, and the memory of all that runs then."""
    roles = [("write", ("topic", N, 0.01, 1)), ("read", ("topic", N))]
    began_ns = time.monotonic_ns()
    with _running(name, roles) as (_, pids, answers):
        first_ns = answers[1].recv()
        pss = sum(psutil.Process(pid).memory_full_info().pss for pid in pids)
        _last(answers[1])
    return {"start-up s": (first_ns - began_ns) / 1e9, "memory MB": pss / 1e6}


def past(name: str) -> Figures:
    """Return the speed at which a peer reads what was sent; nothing for one that keeps nothing."""
    with _running(name, [("write", ("topic", N_PAST, 0.0, 0))]) as (subject, _, answers):
        _last(answers[0])
        if not subject.keeps:
            return {}
        took_s = []
        for _ in range(5):
            began_s = time.perf_counter()
            samples = subject.history("topic")
            took_s.append(time.perf_counter() - began_s)
        if samples[0, ::100].tolist() != list(range(N_PAST)):
            raise RuntimeError(f"{name}: the past is not what was sent")
    return {"past MB/s": samples.nbytes / float(np.median(took_s)) / 1e6}


def _percentiles(what: str, took_ns: Any) -> Figures:
    took_us = np.asarray(took_ns)[LEFT_OUT:] / 1e3
    return {f"{what} p{p} us": float(np.percentile(took_us, p)) for p in (50, 99)}


@contextmanager
def _running(
    name: str, roles: Sequence[tuple[str, tuple[Any, ...]]]
) -> Iterator[tuple[Peer, list[int], list[Connection]]]:
    """Run processes of a peer; yield it, all process IDs, and the processes' answers."""
    with tempfile.TemporaryDirectory(prefix="peers") as directory:
        subject = peer(name, Path(directory))
        with subject.serving() as pids:
            barrier = _CONTEXT.Barrier(len(roles))
            processes, answers = [], []
            for role in roles:
                ours, theirs = _CONTEXT.Pipe(duplex=False)
                life = (name, directory, role, barrier, theirs)
                processes.append(_CONTEXT.Process(target=_live, args=life, daemon=True))
                processes[-1].start()
                theirs.close()
                answers.append(ours)
            yield subject, [*pids, *(it.pid for it in processes if it.pid)], answers
            for process in processes:
                process.join(_WAIT_S)
                if process.exitcode != 0:
                    raise RuntimeError(f"{name}: a process ended with {process.exitcode}")


def _last(answers: Connection) -> Any:
    """Return a process's last answer, which is all that it has measured."""
    answer = None
    while not isinstance(answer, list):
        if not answers.poll(_WAIT_S):
            raise RuntimeError("a process gives no answer")
        answer = answers.recv()
    return answer


def _live(
    name: str, place: str, role: tuple[str, Sequence[Any]], barrier: Any, answers: Connection
) -> None:
    """Live one role of a peer, in a process of its own."""
    kind, arguments = role
    subject = peer(name, Path(place))
    answers.send(_ROLES[kind](subject, arguments, barrier.wait, answers))


def _write(subject: Peer, arguments: Sequence[Any], meet: Meet, answers: Connection) -> list[int]:
    del answers
    subject.write(*arguments, meet)
    return []


def _read(subject: Peer, arguments: Sequence[Any], meet: Meet, answers: Connection) -> list[int]:
    took_ns: list[int] = []

    def arrived(took: int) -> None:
        if not took_ns:
            answers.send(time.monotonic_ns())
        took_ns.append(took)

    subject.read(*arguments, meet, arrived)
    return took_ns


def _echo(subject: Peer, arguments: Sequence[Any], meet: Meet, answers: Connection) -> list[int]:
    del answers
    subject.echo(*arguments, meet)
    return []


def _loop(subject: Peer, arguments: Sequence[Any], meet: Meet, answers: Connection) -> list[int]:
    del answers
    return subject.loop(*arguments, meet)


_ROLES = {"write": _write, "read": _read, "echo": _echo, "loop": _loop}
