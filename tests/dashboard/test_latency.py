"""Delays as a histogram, and which of them count."""

import asyncio

import numpy as np

from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.latency import EDGES_MS, Latency
from crepe.environment.clock import Clocks
from crepe.messages import Decision, Segment, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.memory_store import MemoryStore

MS = 1_000_000


def test_delays_fall_into_bars_and_the_longest_into_the_last():
    latency = Latency()
    assert latency.as_json()["p50_ms"] is None
    for ms in (-0.1, 0.5, 4.0, 700.0):
        latency.take(ms)
    found = latency.as_json()
    assert sum(found["counts"]) == found["n"] == 4
    assert found["counts"][0] == 2
    assert found["counts"][EDGES_MS.index(3)] == 1
    assert found["counts"][-1] == 1


class SteppedClocks:
    """Clocks whose wall clock is set by hand."""

    def __init__(self):
        self.set_ns = self.boot_ns = 0

    def __call__(self):
        self.boot_ns += 100 * MS
        return Clocks(self.boot_ns + self.set_ns, self.boot_ns, self.boot_ns)


def test_a_decision_while_the_wall_clock_was_set_has_no_delay():
    store, clocks = MemoryStore(writer="all"), SteppedClocks()
    store.declare("data", StreamInfo("Segment", session="s", labels=("1",), longest_samples=100))
    store.declare("result", StreamInfo("Decision", session="s"))
    live = SessionFollower(lambda: store, lambda: ("s", {}), lambda _: [], 5.0, clocks)
    for start, set_ns in ((0, 0), (100, 3_600_000 * MS), (200, 3_600_000 * MS)):
        acquired_ns = (start + 100) * MS + clocks.set_ns
        clocks.set_ns = set_ns
        decided_ns = (start + 104) * MS + clocks.set_ns
        stop = start + 100
        samples = codec.pack([Segment(start, stop, np.zeros((1, 100), np.int32))], start, stop)
        store.append([("data", Entry(start, stop, samples, acquired_ns))])
        decision = codec.pack([Decision(start, stop, "rock", {})], start, stop)
        store.append([("result", Entry(start, stop, decision, decided_ns))])
        asyncio.run(live._step())
    delays = live.session_view.decided
    assert (delays.as_json()["n"], delays.total_ms) == (2, 8.0)
