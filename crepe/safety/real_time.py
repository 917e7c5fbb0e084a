"""Real time beside the sample index: how late the data come, and what time it is in samples."""

from collections.abc import Callable
from typing import NamedTuple

from crepe.messages import Segment

JITTER_S = 0.05
"""So much earlier or later than it should is an ordinary machine now and then."""

_DRIFT = 2e-4  # two quartz clocks differ by less; so fast a lateness that never ends is forgotten


class Moment(NamedTuple):
    """A point in time."""

    sample: int  # sample index
    real: int  # by the computer's clock, in samples; only differences mean something


class RealTime:
    """The computer's clock, beside the sample index of a stream of segments.

    The least late segment so far tells when a sample index should be reached; what comes later
    than that by the clock is late. At the beginning and after a gap, when nothing is known yet,
    the wall clock at which the segment was acquired tells how late it is.

    Parameters
    ----------
    monotonic_s
        None in lock-step, where there is no time but the samples': nothing is ever late.
    """

    def __init__(
        self,
        sampling_rate_hz: float,
        clock: int,
        monotonic_s: Callable[[], float] | None,
        wall_ns: Callable[[], int],
    ) -> None:
        self.clock = clock  # sample index
        self._rate_hz = sampling_rate_hz
        self._monotonic_s = monotonic_s
        self._wall_ns = wall_ns
        self._least_s: float | None = None  # real time minus the samples', where it was least
        self._heard_s = 0.0

    def tick(self, segment: Segment, *, is_gap: bool) -> None:
        """A segment has come."""
        self.clock = segment.stop
        now_s = self._now_s
        found_s = now_s - self.clock / self._rate_hz
        if self._least_s is None or (is_gap and segment.t_ns):
            late_ns = max(0, self._wall_ns() - segment.t_ns) if segment.t_ns else 0
            self._least_s = found_s - late_ns / 1e9
        else:
            drifted_s = self._least_s + _DRIFT * (now_s - self._heard_s)
            self._least_s = min(drifted_s, found_s)
        self._heard_s = now_s

    @property
    def has_begun(self) -> bool:
        """Whether a segment has come."""
        return self._least_s is not None

    @property
    def late_s(self) -> float:
        """By how much the sample index is behind real time."""
        if self._least_s is None or self._monotonic_s is None:
            return 0.0
        return max(0.0, self._now_s - self.clock / self._rate_hz - self._least_s)

    @property
    def now(self) -> Moment:
        """This moment."""
        return Moment(self.clock, round(self._now_s * self._rate_hz))

    @property
    def _now_s(self) -> float:
        if self._monotonic_s is None:
            return self.clock / self._rate_hz
        return self._monotonic_s()
