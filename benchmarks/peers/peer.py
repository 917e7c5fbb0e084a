"""What a peer does: it moves segments of signal from one process to others."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

N_CHANNELS, N_SAMPLES, RATE_HZ = 60, 100, 10_000
SETTLE_S = 0.5
"""From connected to the first segment: a subscription takes its time to reach a publisher."""

Samples = NDArray[np.int32]  # (N_CHANNELS, N_SAMPLES)
Send = Callable[[int, Samples], object]
"""Sends a segment, with the time (ns) that it is to carry."""
Receive = Callable[[], tuple[int, Samples]]
"""Waits for the next segment; returns the time that it carries, and its samples."""
Meet = Callable[[], object]
"""Waits until all processes of a measurement have come here: once they are connected, and once all
has arrived."""
Arrived = Callable[[int], object]
"""Takes how long a segment was under way (ns)."""


class Peer(ABC):
    """A way to move segments; each method but `serving` is the life of one process.

    Parameters
    ----------
    place
        Directory of the measurement, for sockets and the broker's files.
    """

    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions decide."""
    keeps: ClassVar[bool] = False
    """Whether what was sent can be read again."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @contextmanager
    def serving(self) -> Iterator[list[int]]:
        """Run the broker while the block lasts; yield the process IDs that belong to it."""
        yield []

    @abstractmethod
    def write(self, topic: str, n: int, pause_s: float, n_readers: int, meet: Meet) -> None:
        """Send n segments, one each `pause_s`."""

    @abstractmethod
    def read(self, topic: str, n: int, meet: Meet, arrived: Arrived) -> None:
        """Receive n segments, and report each."""

    @abstractmethod
    def echo(self, n: int, meet: Meet) -> None:
        """Send each segment of the topic `there` on as one of `back`."""

    @abstractmethod
    def loop(self, n: int, pause_s: float, meet: Meet) -> list[int]:
        """Send segments `there`; return how long each took until it was `back` (ns)."""

    def history(self, topic: str) -> Samples:
        """Return all samples of a topic, of a peer that keeps them."""
        raise NotImplementedError(f"{self.title} keeps nothing")


class BlockingPeer(Peer):
    """A peer whose calls block: one function sends, one receives."""

    @abstractmethod
    def sender(self, topic: str, n_readers: int) -> Send:
        """Open a topic for sending; may wait until its readers are connected."""

    @abstractmethod
    def receiver(self, topic: str) -> Receive:
        """Open a topic for receiving."""

    def write(self, topic: str, n: int, pause_s: float, n_readers: int, meet: Meet) -> None:
        send = self.sender(topic, n_readers)
        meet()
        for i, due_s in paced(n, pause_s):
            sleep_until(due_s)
            samples = segment(i)
            send(time.monotonic_ns(), samples)
        meet()

    def read(self, topic: str, n: int, meet: Meet, arrived: Arrived) -> None:
        receive = self.receiver(topic)
        meet()
        for i in range(n):
            t_ns, samples = receive()
            arrived(time.monotonic_ns() - t_ns)
            check(i, samples)
        meet()

    def echo(self, n: int, meet: Meet) -> None:
        receive, send = self.receiver("there"), self.sender("back", 1)
        meet()
        for _ in range(n):
            send(*receive())
        meet()

    def loop(self, n: int, pause_s: float, meet: Meet) -> list[int]:
        send, receive = self.sender("there", 1), self.receiver("back")
        meet()
        took_ns = []
        for i, due_s in paced(n, pause_s):
            sleep_until(due_s)
            samples = segment(i)
            send(time.monotonic_ns(), samples)
            t_ns, samples = receive()
            took_ns.append(time.monotonic_ns() - t_ns)
            check(i, samples)
        meet()
        return took_ns


_SAMPLES = np.random.default_rng(0).integers(-1000, 1000, (N_CHANNELS, N_SAMPLES), dtype=np.int32)


def segment(i: int) -> Samples:
    """Return the samples of segment i, the first of which is i."""
    samples = _SAMPLES.copy()
    samples[0, 0] = i
    return samples


def check(i: int, samples: Samples) -> None:
    """Raise RuntimeError unless these are the samples of segment i: none is lost or doubled."""
    if samples[0, 0] != i or samples[-1, -1] != _SAMPLES[-1, -1]:
        raise RuntimeError(f"segment {samples[0, 0]} came where {i} was due")


def paced(n: int, pause_s: float) -> Iterator[tuple[int, float]]:
    """Yield the number of each segment, and when it is due by the monotonic clock."""
    began_s = time.monotonic() + SETTLE_S
    for i in range(n):
        yield i, began_s + i * pause_s


def sleep_until(due_s: float) -> None:
    """Sleep until a time of the monotonic clock."""
    time.sleep(max(0.0, due_s - time.monotonic()))
