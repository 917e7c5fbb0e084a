"""Counts of the pulses of each electrode, of all electrodes and of the session."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from crepe.messages import Stimulus
from crepe.safety.limits import Limits
from crepe.safety.real_time import JITTER_S, Moment


class PulseCount:
    """The pulses of the last second, against which a further train is checked.

    A second is counted in samples, and in real time less the jitter: after a freeze samples come
    fast. A train that was stopped early counts as a whole.
    """

    def __init__(self, limits: Limits, sampling_rate_hz: float, n_pulses: int = 0) -> None:
        self.n_pulses = n_pulses  # of all trains of the session
        self._limits = limits
        self._rate_hz = sampling_rate_hz
        self._pulses: dict[str, deque[Moment]] = {}  # by electrode

    def refusal(
        self, stimulus: Stimulus, now: Moment, before: Sequence[Stimulus] = ()
    ) -> str | None:
        """Return which limit of a second or of the session a train would exceed, or None.

        `before` are the trains that are fired first.
        """
        expected = {label: list(times) for label, times in self._pulses.items()}
        for train in (*before, stimulus):
            planned = self._times(train, now, max(0, train.due - now.sample))
            for label in train.electrodes:
                expected.setdefault(label, []).extend(planned)
        for label in stimulus.electrodes:
            most, limit = self._most_in_a_second(expected[label]), self._limit("max_rate_hz")
            if most > limit:
                return f"electrode {label}: {most} pulses in 1 s, limit {limit:g}"
        most = self._most_in_a_second([t for times in expected.values() for t in times])
        limit = self._limit("max_total_rate_hz")
        if most > limit:
            return f"all electrodes: {most} pulses in 1 s, limit {limit:g}"
        total = self.n_pulses + sum(train.n_pulses for train in (*before, stimulus))
        limit = self._limit("max_session_pulses")
        if total > limit:
            return f"session: {total} pulses, limit {limit:g}"
        return None

    def remember(self, stimulus: Stimulus, now: Moment) -> None:
        """Count the pulses of a train that is fired now."""
        self.n_pulses += stimulus.n_pulses
        for label in stimulus.electrodes:
            times = self._pulses.setdefault(label, deque())
            times.extend(self._times(stimulus, now))
            # A pulse counts until it is a second old by both clocks.
            while max(times[0].sample - now.sample, times[0].real - now.real) < -self._rate_hz:
                times.popleft()

    def _limit(self, name: str) -> float:
        return self._limits.limit(name)

    def _most_in_a_second(self, times: Sequence[Moment]) -> int:
        """Return the largest number of pulses within any second."""
        return max(
            _most_within([time.sample for time in times], self._rate_hz),
            _most_within([time.real for time in times], (1 - JITTER_S) * self._rate_hz),
        )

    def _times(self, stimulus: Stimulus, now: Moment, wait: int = 0) -> list[Moment]:
        """Return when a train's pulses come, if the first comes `wait` samples from now."""
        after = [
            wait + round(i * self._rate_hz / stimulus.rate_hz) for i in range(stimulus.n_pulses)
        ]
        return [Moment(now.sample + n, now.real + n) for n in after]


def _most_within(times: Sequence[int], width: float) -> int:
    """Return the largest number of times within any window of that width."""
    ordered = np.sort(times)
    # `left`: windows are half open, so pulses exactly a second apart are not in one second.
    until = np.searchsorted(ordered, ordered + width, side="left")
    return int((until - np.arange(len(ordered))).max())
