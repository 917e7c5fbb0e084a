"""The clock that measures the outages of a live instrument, by the time of sample 0."""

# Decision 59: which clock counts. Decision 128: what a backlog must not change.

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crepe.environment.clock import Clocks, WallToBoot
from crepe.messages import Segment

log = logging.getLogger(__name__)

_DRIFT = 2e-3  # clocks of instrument and computer differ by less; faster, samples are delayed
_PACE_SEGMENTS = 5  # show whether samples come at their pace; few, since readers wait for them
_LONGEST_S = 10.0  # of samples that wait until an instrument has caught up
_WARN_NS = 100_000_000  # a step of the wall clock that is worth a warning


class OutageClock:
    """The time since boot of sample 0, before and after an outage: its step is what is missing.

    A segment that came without delay tells that time; a delay makes it look later. So the earliest
    time holds. It is forgotten at `_DRIFT`: a backlog, which comes late, moves it hardly at all.

    Parameters
    ----------
    clocks
        None in lock-step, where only the samples count time.
    segment_samples
        A gap is in whole segments; the rest of the rounding counts in the next gap.

    Attributes
    ----------
    step
        The last step of the wall clock, for people; empty without one.
    """

    def __init__(
        self,
        clocks: Callable[[], Clocks] | None,
        boot_id: str,
        *,
        sampling_rate_hz: float,
        segment_samples: int,
    ) -> None:
        self._clock = None if clocks is None else WallToBoot(clocks)
        self._boot_id = boot_id
        self._rate_hz = sampling_rate_hz
        self._segment_samples = segment_samples
        self._lead_ns: int | None = None  # time of sample 0; None without a segment
        self._lead_at_ns = 0  # when it was noted
        self._before_ns: int | None = None  # the same before the outage
        self._is_by_wall = False  # `_before_ns` is a time of the wall clock
        self._rounded_ns = 0
        self.step = ""

    def look(self, position: int) -> None:
        """Read the clocks; note a step of the wall clock since the last look."""
        if self._clock is not None:
            self._warn_if_set(self._clock.look(), position)

    def note(self, segment: Segment) -> None:
        """Note a segment, on the session's clock, that has come."""
        if not segment.t_ns:
            return
        lead_ns, at_ns = self._lead_of(segment), self._boot_ns(segment)
        if self._lead_ns is not None:
            relaxed_ns = self._lead_ns + round(_DRIFT * max(0, at_ns - self._lead_at_ns))
            lead_ns = min(lead_ns, relaxed_ns)
        self._lead_ns, self._lead_at_ns = lead_ns, at_ns

    def snapshot(self) -> dict[str, Any] | None:
        """Return what the next process needs to measure the gap in between."""
        if self._lead_ns is None:
            return None
        return {
            "lead_ns": self._lead_ns + self._wall_ahead_ns,
            "lead_boot_ns": self._lead_ns,
            "boot_id": self._boot_id,
            "rounded_ns": self._rounded_ns,
        }

    def resume(self, before: Mapping[str, Any], position: int) -> None:
        """Begin an outage with the snapshot of the process before this one."""
        self._rounded_ns = before.get("rounded_ns", 0)
        wall_ns, boot_ns = before.get("lead_ns"), before.get("lead_boot_ns", 0)
        boot_id = before.get("boot_id")
        self._is_by_wall = not boot_id or boot_id != self._boot_id
        self._before_ns = wall_ns if self._is_by_wall else boot_ns
        if wall_ns is None or self._clock is None:
            return
        if self._is_by_wall:
            log.warning(
                "the computer was restarted since sample %d, or was another one: what is missing "
                "is measured by the wall clock",
                position,
            )
        else:
            self._warn_if_set(self._clock.wall_ahead_ns - (wall_ns - boot_ns), position)

    def lose(self) -> None:
        """Begin an outage."""
        if self._lead_ns is not None:  # else the time before the last outage still holds
            self._before_ns, self._is_by_wall = self._lead_ns, False
        self._lead_ns = None

    def is_settled(self, held: Sequence[Segment]) -> bool:
        """Return whether the first segments after an outage show how long it was.

        An instrument that stood still as well sends what it has missed faster than in real time.
        Its first segments are late: counted by them, all later ones would come too early.
        """
        if len(held) < _PACE_SEGMENTS:
            return False
        held_s = (held[-1].stop - held[0].start) / self._rate_hz
        leads_ns = [self._lead_of(each) for each in held[-_PACE_SEGMENTS:] if each.t_ns]
        caught_up_s = (leads_ns[0] - min(leads_ns)) / 1e9 if leads_ns else 0.0
        return caught_up_s <= self._segment_samples / self._rate_hz or held_s > _LONGEST_S

    def missing(self, held: Sequence[Segment]) -> int:
        """Return the number of samples missing before the first segments after an outage."""
        leads_ns = [self._lead_of(segment) for segment in held if segment.t_ns]
        if not leads_ns or self._before_ns is None:
            log.warning("the number of samples missing before %d is unknown", held[0].start)
            return 0
        before_ns = self._before_ns - (self._wall_ahead_ns if self._is_by_wall else 0)
        late_s = (min(leads_ns) - before_ns) / 1e9
        whole, rate_hz = self._segment_samples, self._rate_hz
        late_s += self._rounded_ns / 1e9
        n_missing = max(0, round(late_s * rate_hz / whole)) * whole
        left_s = late_s - n_missing / rate_hz
        # more than half a segment was not rounded away: the clock was set back
        self._rounded_ns = round(max(left_s, -whole / rate_hz / 2) * 1e9)
        return n_missing

    def _lead_of(self, segment: Segment) -> int:
        """Return the time since boot of sample 0 that follows if the segment has no delay."""
        return self._boot_ns(segment) - round(segment.stop * 1e9 / self._rate_hz)

    def _boot_ns(self, segment: Segment) -> int:
        return segment.t_ns if self._clock is None else self._clock.boot_ns(segment.t_ns)

    @property
    def _wall_ahead_ns(self) -> int:
        return 0 if self._clock is None else self._clock.wall_ahead_ns

    def _warn_if_set(self, set_ns: int, position: int) -> None:
        if abs(set_ns) > _WARN_NS:
            self.step = (
                f"the wall clock was set by {set_ns / 1e9:+.1f} s at about sample {position}; "
                "times of day contain it, gaps and latencies do not"
            )
            log.warning("%s", self.step)
