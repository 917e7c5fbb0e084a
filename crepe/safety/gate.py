"""The checks that decide whether a train may be fired: its limits, its age, earlier pulses."""

# Decision 21: how trains queue.

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from crepe.messages import Stimulus
from crepe.safety.limits import Limits
from crepe.safety.pulse_count import PulseCount
from crepe.safety.real_time import Moment, RealTime
from crepe.safety.sub_trains import pulses_per_sub_train, uncuttable
from crepe.safety.train import train_samples

_AHEAD = 1  # a request that follows from a command has the window of the sample to come


class Gate:
    """The checks that every train passes: when it is requested, and again when it is fired.

    Parameters
    ----------
    max_age_ms
        Longest time from the sample that led to the request to the first pulse.
    sub_train_s
        Longest part of a train that the instrument is given at once.
    n_pulses
        Pulses of the session so far.
    """

    def __init__(
        self,
        limits: Limits,
        time: RealTime,
        sampling_rate_hz: float,
        *,
        max_age_ms: float,
        sub_train_s: float,
        n_pulses: int,
    ) -> None:
        self._limits = limits
        self._time = time
        self._rate_hz = sampling_rate_hz
        self._max_age_ms = max_age_ms
        self._sub_train_s = sub_train_s
        self._count = PulseCount(limits, sampling_rate_hz, n_pulses)
        self._held_until = -inf  # by the computer's clock, in samples

    @property
    def n_pulses(self) -> int:
        """Pulses of the session."""
        return self._count.n_pulses

    def refusal(self, stimulus: Stimulus, before: Sequence[Stimulus]) -> str | None:
        """Return why a train must not be fired after those of `before`, or None."""
        return (
            self._limits.refusal(
                stimulus.electrodes,
                stimulus.phases,
                stimulus.rate_hz,
                stimulus.n_pulses,
                stimulus.unit,
            )
            or uncuttable(stimulus.n_pulses, stimulus.rate_hz, self._sub_train_s)
            or self.too_old(stimulus)
            or self._mistimed(stimulus)
            or self._count.refusal(stimulus, self._time.now, before)
        )

    def refusal_now(self, stimulus: Stimulus, announced: Moment) -> str | None:
        """Return why a train that has passed before must not be fired at this moment, or None."""
        # Of all that was checked on request, only age and other pulses change while a train waits.
        return self.too_old(stimulus, announced) or self._count.refusal(stimulus, self._time.now)

    def hold(self, stimulus: Stimulus) -> None:
        """Forbid every train for as long as one whose stop is not proved may still play."""
        until = self._time.now.real + train_samples(stimulus, self._rate_hz)
        self._held_until = max(self._held_until, until)

    def held(self) -> str | None:
        """Return why no train may follow the one that was stopped last, or None."""
        left_s = (self._held_until - self._time.now.real) / self._rate_hz
        if left_s <= 0:
            return None
        return f"the last stop is NOT VERIFIED; the train may play for {left_s:.1f} s more"

    def remember(self, stimulus: Stimulus) -> None:
        """Count the pulses of a train that is fired now."""
        self._count.remember(stimulus, self._time.now)

    def age_ms(self, stimulus: Stimulus, announced: Moment | None = None) -> float:
        """Return the time since the sample that led to the request.

        Late data count, and so does every moment in which no data come. It is at least the time by
        the computer's clock since the train was `announced`.
        """
        age_s = (self._time.clock - stimulus.stop) / self._rate_hz + self._time.late_s
        if announced is not None:
            age_s = max(age_s, (self._time.now.real - announced.real) / self._rate_hz)
        return age_s * 1000

    def left_s(self, stimulus: Stimulus, announced: Moment) -> float:
        """Return the time until a train is too old."""
        return (self._max_age_ms - self.age_ms(stimulus, announced)) / 1000

    def too_old(self, stimulus: Stimulus, announced: Moment | None = None) -> str | None:
        """Return why a train is too old, or None."""
        if not self._time.has_begun:
            return "no data yet, so nobody knows how old it is"
        age_ms = self.age_ms(stimulus, announced)
        if age_ms > self._max_age_ms:
            return f"{age_ms:.0f} ms old, limit {self._max_age_ms:.0f} ms"
        return None

    def _mistimed(self, stimulus: Stimulus) -> str | None:
        """Return why the times of a request cannot be, or None.

        From a request in the future its age would count late, and one that is due when it is too
        old would keep others from the instrument until then.
        """
        if stimulus.stop > self._time.clock + _AHEAD:
            return f"requested at sample {stimulus.stop}, the data have reached {self._time.clock}"
        wait_ms = (stimulus.due - stimulus.stop) / self._rate_hz * 1000
        if wait_ms > self._max_age_ms:
            return f"due {wait_ms:.0f} ms after its request, limit {self._max_age_ms:.0f} ms"
        return None

    def sub_train(self, stimulus: Stimulus) -> Stimulus:
        """Return the part of a train that the instrument is given at once."""
        n_pulses = pulses_per_sub_train(stimulus.n_pulses, stimulus.rate_hz, self._sub_train_s)
        assert n_pulses is not None  # otherwise it was refused
        return replace(stimulus, n_pulses=n_pulses)
