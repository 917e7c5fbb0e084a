"""The pace of replayed and generated samples."""

import time


class Pace:
    """The time at which samples are due: `speed` 1 is real time, 0 is at once."""

    def __init__(self, sampling_rate_hz: float, speed: float) -> None:
        self._samples_per_s = sampling_rate_hz * speed
        self._began_s = time.monotonic()
        self._n_samples = 0

    def wait(self, n_samples: int, timeout_s: float) -> bool:
        """Wait for the next `n_samples`; return False if they are not due within `timeout_s`."""
        if self._samples_per_s == 0:
            return True
        # Counted from the beginning, so that errors of single waits do not add up to a drift.
        due_s = self._began_s + (self._n_samples + n_samples) / self._samples_per_s
        ahead_s = due_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(min(ahead_s, timeout_s))
        if ahead_s > timeout_s:
            return False
        self._n_samples += n_samples
        return True

    @property
    def t_ns(self) -> int:
        """The wall clock; 0 at speed 0, so that two runs give the same messages."""
        return time.time_ns() if self._samples_per_s else 0
