"""The computer's clock that also runs while the computer sleeps."""

import time


def real_s() -> float:
    """Return seconds that also pass while the process is stopped or the computer sleeps."""
    # Linux's monotonic clock stands still while the computer sleeps.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
