"""The computer clock that does not stand still."""

import time


def real_s() -> float:
    """Seconds that also pass while the process is stopped or the computer sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
