"""Lets what is replayed or generated come in its own time."""

import time


class Pace:
    """Says when a sample is due: `speed` 1 is real time, 0 is at once."""

    def __init__(self, sampling_rate_hz: float, speed: float) -> None:
        self._samples_per_s = sampling_rate_hz * speed
        self._began_s = time.monotonic()
        self._n_samples = 0

    def wait(self, n_samples: int, timeout_s: float) -> bool:
        """True once `n_samples` more samples are due; False if they are not within `timeout_s`."""
        if self._samples_per_s == 0:
            return True
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
        """The wall clock; 0 where nothing is paced, so that two runs say the same."""
        return time.time_ns() if self._samples_per_s else 0
