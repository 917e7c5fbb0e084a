"""Gaps and drift of a stream, from the time stamps that LSL gives its samples.

LSL drops samples silently where a buffer is full; all that shows is a jump of the stamps. But a
sender that stamps what it sends also jumps where it was late, and then catches up. So what follows
a jump is held: if later stamps come back there was a delay, and if they stay late there was a loss.
A loss in the middle of a delay is counted right; what came during the delay may be misplaced by it.
"""

from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError

_BUCKET_S = 1.0  # a delay can only add to a stamp, so the smallest of each is kept
_BUCKETS = 4  # whose least is the present level; it follows a drift of 0.5 %
_LONGEST_HOLD_S = 5.0  # of a sender that catches up
_LEAST_DRIFT_S = 60.0  # over which drift is measured


class Part(NamedTuple):
    """Samples that follow each other, and the number that is missing before them."""

    n_missing: int
    samples: NDArray[Any]  # (n_channels, n_samples)


class SampleClock:
    """The lateness of each sample against the nominal rate, and what follows from it.

    Parameters
    ----------
    sampling_rate_hz
        Nominal rate.
    gap_s
        Shortest loss that is noticed.
    hold_s
        Time by the stamps for which samples are held after a jump.
    """

    def __init__(self, sampling_rate_hz: float, gap_s: float, hold_s: float) -> None:
        self._rate_hz, self._gap_s, self._hold_s = sampling_rate_hz, gap_s, hold_s
        self._count = 0  # samples so far, with the missing ones
        self._levels: deque[float] = deque(maxlen=_BUCKETS)  # least lateness of each bucket, s
        self._bucket_end = 0  # in samples
        self._first: tuple[int, float] | None = None  # sample and level of the first whole bucket
        self._last: tuple[int, float] | None = None
        self._held: list[tuple[NDArray[Any], NDArray[np.float64]]] = []

    @property
    def drift_ppm(self) -> float:
        """Difference of the stamps from the nominal rate, in millionths; 0 in the first minute.

        Above 0 the sender's samples come slower than nominal.
        """
        if self._first is None or self._last is None:
            return 0.0
        elapsed_s = (self._last[0] - self._first[0]) / self._rate_hz
        late_s = self._last[1] - self._first[1]
        return 1e6 * late_s / elapsed_s if elapsed_s >= _LEAST_DRIFT_S else 0.0

    def add(self, samples: NDArray[Any], stamps: NDArray[np.float64]) -> list[Part]:
        """Return what is certain of the samples so far, in order.

        `samples` are (n_channels, n_samples), `stamps` (n_samples,) in seconds of the sender.
        Raises DeviceError where the stamps go back by more than the time that counts as a gap.
        """
        if self._held:
            self._held.append((samples, stamps))
            return self._settle()
        late_s = self._late_s(stamps)
        if not self._levels:
            self._levels.append(float(late_s.min()))
            self._bucket_end = round(_BUCKET_S * self._rate_hz)
        back_s = min(self._levels) - float(late_s.min())
        if back_s > max(self._gap_s, _BUCKET_S):
            raise DeviceError(f"time stamps went back by {back_s:.3f} s")
        self._held.append((samples, stamps))
        return self._settle()

    def _settle(self) -> list[Part]:
        """Return what can be told of the held samples."""
        parts: list[Part] = []
        n_missing = 0
        while self._held:
            stamps = np.concatenate([each for _, each in self._held])
            samples = np.concatenate([each for each, _ in self._held], axis=1)
            late_s = self._late_s(stamps)
            (on_time,) = np.nonzero(late_s <= min(self._levels) + self._gap_s)
            if on_time.size:
                n = int(on_time[-1]) + 1  # those before it were only delayed
                parts.append(Part(n_missing, samples[:, :n]))
                self._go_on(late_s[:n])
                self._held = [(samples[:, n:], stamps[n:])] if n < len(stamps) else []
                n_missing = 0
            elif self._stays_late(stamps, late_s):
                n_missing = round((float(late_s.min()) - min(self._levels)) * self._rate_hz)
                self._count += n_missing
            else:
                self._held = [(samples, stamps)]
                break
        return parts

    def _stays_late(self, stamps: NDArray[np.float64], late_s: NDArray[np.float64]) -> bool:
        """Whether stamps that are all late show no more catching up."""
        elapsed_s = stamps[-1] - stamps[0]
        middle = len(late_s) // 2
        if elapsed_s < self._hold_s or not middle:
            return False
        catches_up = late_s[middle:].min() < late_s[:middle].min() - self._gap_s / 4
        return bool(not catches_up or elapsed_s > _LONGEST_HOLD_S)

    def _late_s(self, stamps: NDArray[np.float64]) -> NDArray[np.float64]:
        return stamps - np.arange(self._count, self._count + len(stamps)) / self._rate_hz

    def _go_on(self, late_s: NDArray[np.float64]) -> None:
        """Count samples, and keep the least lateness of each bucket."""
        self._count += len(late_s)
        self._levels[-1] = min(self._levels[-1], float(late_s.min()))
        if self._count >= self._bucket_end:
            ended = self._count, self._levels[-1]
            self._first = self._first or ended
            self._last = ended
            self._levels.append(float(late_s.min()))
            self._bucket_end = self._count + round(_BUCKET_S * self._rate_hz)
