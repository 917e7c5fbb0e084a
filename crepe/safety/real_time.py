"""Real time beside the sample index: the delay of the data, and the present in samples."""

# Decision 18: what is not detected.

from collections.abc import Callable
from typing import NamedTuple

from crepe.environment.clock import Clocks, WallToBoot
from crepe.messages import Segment

JITTER_S = 0.05
"""An ordinary machine is now and then early or late by so much."""

_DRIFT = 2e-4  # two quartz clocks differ by less; a lasting delay is forgotten at this speed


class Moment(NamedTuple):
    """A point in time."""

    sample: int  # sample index
    real: int  # by the computer's clock, in samples; only differences mean something


class RealTime:
    """The computer's clock, beside the sample index of a stream of segments.

    The segment with the least delay so far sets when a sample index is expected; a segment that
    comes later than that is late. At the beginning and after a gap there is no such reference;
    then the wall clock at which the segment was acquired gives its delay. If the wall clock was set
    in between, that is taken into account: too long a delay would refuse every stimulus from then
    on, too short a one would let old data pass as new.

    Parameters
    ----------
    monotonic_s
        None in lock-step, where only the samples count time: nothing is ever late.
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
        self._wall = None
        if monotonic_s is not None:
            self._wall = WallToBoot(lambda: Clocks(wall_ns(), round(monotonic_s() * 1e9), 0))
        self._least_s: float | None = None  # real time minus the samples', where it was least
        self._ticked_s = 0.0
        self._acquired_ns = 0  # wall clock of the last segment; 0: not measured

    def tick(self, segment: Segment, *, is_gap: bool) -> None:
        """Move the clock to the end of a segment that has come."""
        self.clock = segment.stop
        self._acquired_ns = segment.t_ns
        now_s = self._now_s
        offset_s = now_s - self.clock / self._rate_hz
        if self._wall is not None:
            self._wall.look()
        # A gap without a time of acquisition keeps the old mark, or late data would look recent.
        if self._least_s is None or (is_gap and segment.t_ns):
            late_s = 0.0
            if segment.t_ns and self._wall is not None:
                late_s = max(0.0, now_s - self._wall.boot_ns(segment.t_ns) / 1e9)
            self._least_s = offset_s - late_s
        else:
            drifted_s = self._least_s + _DRIFT * (now_s - self._ticked_s)
            self._least_s = min(drifted_s, offset_s)
        self._ticked_s = now_s

    @property
    def has_begun(self) -> bool:
        """Whether a segment has come."""
        return self._least_s is not None

    @property
    def late_s(self) -> float:
        """Delay of the sample index against real time."""
        if self._least_s is None or self._monotonic_s is None:
            return 0.0
        return max(0.0, self._now_s - self.clock / self._rate_hz - self._least_s)

    @property
    def now(self) -> Moment:
        """The present by both clocks."""
        return Moment(self.clock, round(self._now_s * self._rate_hz))

    def wall_ns(self) -> int:
        """Return the wall clock, without a step of it since the last segment was acquired."""
        now_ns = self._wall_ns()
        if self._wall is None or not self._acquired_ns:
            return now_ns
        self._wall.look()
        elapsed_ns = round(self._now_s * 1e9) - self._wall.boot_ns(self._acquired_ns)
        without_step_ns = self._acquired_ns + elapsed_ns
        # Two readings are never quite of one moment, so the clock that is not set is left alone.
        is_set = abs(now_ns - without_step_ns) > JITTER_S * 1e9
        return without_step_ns if is_set else now_ns

    @property
    def _now_s(self) -> float:
        if self._monotonic_s is None:
            return self.clock / self._rate_hz
        return self._monotonic_s()
