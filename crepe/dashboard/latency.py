"""Delays of the loop: from acquired to decided, and from requested to stimulated."""

import math
from bisect import bisect_left
from collections import deque
from itertools import accumulate

import numpy as np

KEPT = 3000
EDGES_MS = (0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 500)
"""Lower edges of the histogram's bars; the last one is open."""


class Latency:
    """The newest delays of one kind, in milliseconds, and counts of all of them."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=KEPT)
        self._n_up_to = [0] * len(EDGES_MS)  # by upper edge; the last is without one
        self.total_ms = 0.0

    def take(self, ms: float) -> None:
        """Add a delay; clocks that differ may make it negative, which counts as 0."""
        ms = max(0.0, ms)
        self._ms.append(ms)
        self._n_up_to[bisect_left(EDGES_MS[1:], ms)] += 1
        self.total_ms += ms

    def cumulative(self) -> list[tuple[float, int]]:
        """Return upper edges in milliseconds, and how many of all delays are not longer."""
        return list(zip((*EDGES_MS[1:], math.inf), accumulate(self._n_up_to), strict=True))

    def as_json(self) -> dict[str, object]:
        """Return percentiles and a histogram; percentiles are None before the first delay."""
        if not self._ms:
            return {"n": 0, "p50_ms": None, "p99_ms": None, "counts": [0] * len(EDGES_MS)}
        ms = np.array(self._ms)
        p50, p99 = np.percentile(ms, (50, 99))
        counts = np.bincount(np.searchsorted(EDGES_MS, ms, side="right") - 1, minlength=1)
        histogram = np.zeros(len(EDGES_MS), int)
        histogram[: len(counts)] = counts[: len(EDGES_MS)]
        return {
            "n": len(ms),
            "p50_ms": round(float(p50), 2),
            "p99_ms": round(float(p99), 2),
            "counts": histogram.tolist(),
        }
