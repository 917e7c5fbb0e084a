"""The computer's clocks, of which one also runs while the computer sleeps."""

import sys
import time
from typing import NamedTuple

# Linux's monotonic clock stands still while the computer sleeps, that of macOS runs on. Python's
# time.monotonic() is another one on macOS, which stands still, too.
_ALSO_ASLEEP, _ONLY_AWAKE = (
    (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)
    if sys.platform == "linux"
    else (time.CLOCK_MONOTONIC, getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC))
)
_JUMP_NS = 100_000_000
_DRIFT = 5e-4  # the most by which a wall clock is slewed (adjtime); a step is more
_TOGETHER_NS = 1_000_000  # readings within that time count as readings at one moment
_READINGS = 5


class Clocks(NamedTuple):
    """Readings of three clocks at one moment, in ns."""

    wall_ns: int  # may be set
    boot_ns: int  # runs while the computer sleeps, too
    awake_ns: int  # stands still while the computer sleeps

    def jump_since(self, before: "Clocks") -> str | None:
        """Return how the clocks have moved against each other since earlier readings, or None."""
        passed_ns = self.boot_ns - before.boot_ns
        slept_ns = passed_ns - (self.awake_ns - before.awake_ns)
        set_ns = self.wall_ns - before.wall_ns - passed_ns
        allowed_ns = _JUMP_NS + _DRIFT * abs(passed_ns)
        if passed_ns < 0:
            return f"the clock since boot went back by {-passed_ns / 1e9:.1f} s"
        if abs(slept_ns) > allowed_ns:
            return f"the computer slept for {slept_ns / 1e9:.1f} s"
        if abs(set_ns) > allowed_ns:
            return f"the wall clock was set by {set_ns / 1e9:+.1f} s"
        return None


def read_clocks() -> Clocks:
    """Return the readings of all clocks, taken together."""
    best: Clocks | None = None
    least_ns = 0
    for _ in range(_READINGS):  # the process may lose its core between two readings
        boot_ns = boot_time_ns()
        clocks = Clocks(time.time_ns(), boot_ns, time.clock_gettime_ns(_ONLY_AWAKE))
        took_ns = boot_time_ns() - boot_ns
        if best is None or took_ns < least_ns:
            best, least_ns = clocks, took_ns
        if least_ns < _TOGETHER_NS:
            break
    assert best is not None
    return best


def boot_time_ns() -> int:
    """Return the time since boot in ns, including sleep: one clock for all processes."""
    return time.clock_gettime_ns(_ALSO_ASLEEP)


def real_s() -> float:
    """Return seconds that also pass while the process is stopped or the computer sleeps."""
    return time.clock_gettime(_ALSO_ASLEEP)
