"""The computer's clocks, of which one also runs while the computer sleeps."""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
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
_APART_NS = 2 * _TOGETHER_NS  # a step by less cannot be told from two imprecise readings


class Clocks(NamedTuple):
    """Readings of three clocks at one moment, in ns."""

    wall_ns: int  # may be set
    boot_ns: int  # runs while the computer sleeps, too
    awake_ns: int  # stands still while the computer sleeps

    @property
    def wall_ahead_ns(self) -> int:
        """The wall clock minus the clock since boot: changes only where the wall clock is set."""
        return self.wall_ns - self.boot_ns

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


@cache
def boot_id() -> str:
    """Return what names this boot of this computer; "" if the system does not report it.

    Times since boot compare only under one name. (The time of boot that macOS reports is no name:
    it moves when the wall clock is set.)
    """
    try:
        if sys.platform == "linux":
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return subprocess.run(
            ["sysctl", "-n", "kern.bootsessionuuid"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


class WallToBoot:
    """Conversion of times of the wall clock, just taken, to the clock since boot.

    Steps of the wall clock are noticed by `look`. A time that cannot be of after the last step is
    converted as the wall clock was before it.
    """

    def __init__(self, clocks: Callable[[], Clocks]) -> None:
        self._clocks = clocks
        self._now = clocks()
        self._before_step = self._now  # last readings before the wall clock was set

    @property
    def wall_ahead_ns(self) -> int:
        """The wall clock minus the clock since boot, at the last look."""
        return self._now.wall_ahead_ns

    def look(self) -> int:
        """Read the clocks; return by how many ns the wall clock was set since the last look."""
        before, self._now = self._now, self._clocks()
        set_ns = self._now.wall_ahead_ns - before.wall_ahead_ns
        if abs(set_ns) <= _APART_NS + _DRIFT * (self._now.boot_ns - before.boot_ns):
            return 0
        self._before_step = before
        return set_ns

    def boot_ns(self, wall_ns: int) -> int:
        """Return the time since boot of a wall-clock time up to the last look."""
        at_ns = wall_ns - self._now.wall_ahead_ns
        if not self._before_step.boot_ns <= at_ns <= self._now.boot_ns:
            at_ns = wall_ns - self._before_step.wall_ahead_ns
        return min(at_ns, self._now.boot_ns)
