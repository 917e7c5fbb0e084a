"""Delays of the loop: from acquired to decided, and from requested to stimulated."""

from collections import deque

import numpy as np

KEPT = 3000
EDGES_MS = (0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 500)
"""Lower edges of the histogram's bars; the last one is open."""


class Latency:
    """The newest delays of one kind, in milliseconds."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=KEPT)

    def take(self, ms: float) -> None:
        """Add a delay; clocks that differ may make it negative, which counts as 0."""
        self._ms.append(max(0.0, ms))

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
