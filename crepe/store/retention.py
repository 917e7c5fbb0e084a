"""The amount of a stream that Redis keeps: seconds, bytes, or a share of the memory budget.

All streams keep the same time: that for which the budget suffices at the sum of their rates, but at
most 300 s; `declare` may set other limits. Entries that a registered reader lacks are not trimmed.
"""

# Decision 10: when a writer waits instead of trimming.

import math
import time
from collections.abc import Sequence

DEFAULT_KEEP_S = 300.0
DEFAULT_BUDGET_BYTES = 512 * 1024**2
_REFRESH_S = 1.0
_SHORTEST_S = 1.0


class Retention:
    """The rule, for one stream, for the oldest sample to keep after an append."""

    def __init__(
        self, sampling_rate_hz: float, keep_s: float, keep_bytes: float, budget_bytes: float
    ) -> None:
        self._rate_hz = sampling_rate_hz
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._budget_bytes = budget_bytes
        self._appended_bytes = 0
        self._first_start: int | None = None
        self._next_refresh_s = 0.0
        self.keep_samples = int(keep_s * sampling_rate_hz)
        self.read_until: int | None = None  # least position of a registered reader
        self.furthest = math.inf  # beyond it, readers lack more than this stream's share

    def count(self, start: int, n_bytes: int) -> None:
        """Count an entry of `n_bytes` that begins at sample `start`."""
        if self._first_start is None:
            self._first_start = start
        self._appended_bytes += n_bytes

    def is_due(self) -> bool:
        """Return True once a second: then `update` is due."""
        now_s = time.monotonic()
        if now_s < self._next_refresh_s:
            return False
        self._next_refresh_s = now_s + _REFRESH_S
        return True

    def bytes_per_s(self, stop: int) -> float:
        """Return the bytes of this stream per second of signal so far."""
        if self._first_start is None or stop <= self._first_start:
            return 0.0
        return self._appended_bytes * self._rate_hz / (stop - self._first_start)

    def update(self, bytes_per_s: float, all_bytes_per_s: float, readers: Sequence[int]) -> None:
        """Adapt to this stream's rate, the sum over all streams, and the readers' positions."""
        own_s = self._keep_bytes / bytes_per_s if bytes_per_s else self._keep_s
        fits_s = self._budget_bytes / all_bytes_per_s if all_bytes_per_s else self._keep_s
        keep_s = max(_SHORTEST_S, min(self._keep_s, own_s, fits_s))
        self.keep_samples = max(1, int(keep_s * self._rate_hz))
        self.read_until = min(readers) if readers else None
        self.furthest = math.inf if self.read_until is None else self.read_until + self.keep_samples

    def oldest(self, stop: int) -> int:
        """Return the oldest sample to keep once the stream reaches `stop`."""
        oldest = stop - self.keep_samples
        if self.read_until is not None:
            oldest = min(oldest, self.read_until)
        return max(0, oldest)
