"""Whether the data flow, and whether those who ask for stimuli keep up with them."""

from collections.abc import Sequence

from crepe.safety.real_time import RealTime


class Liveness:
    """What a dead-man's switch looks at. Every stream of stimuli counts by itself: one that lives
    does not hide another that hangs.

    Parameters
    ----------
    askers
        Streams of stimuli.
    stall_s
        The longest silence, or lateness, of the data.
    silence_s
        So far may those who ask for stimuli be behind the data; a rest is not silence.
    """

    def __init__(
        self,
        time: RealTime,
        sampling_rate_hz: float,
        askers: Sequence[str],
        *,
        stall_s: float,
        silence_s: float,
    ) -> None:
        self._time = time
        self._rate_hz = sampling_rate_hz
        self._reached = dict.fromkeys(askers, time.clock)
        self._stall_s = stall_s
        self._silence_s = silence_s

    def on_position(self, stream: str, position: int) -> None:
        """A stream is known up to a sample index."""
        if stream in self._reached:
            self._reached[stream] = max(self._reached[stream], position)

    def missing(self) -> str | None:
        """What is not as it should be when data have come, or None."""
        for stream, reached in self._reached.items():
            behind_s = (self._time.clock - reached) / self._rate_hz
            if behind_s > self._silence_s:
                return (
                    f"who asks on {stream} is {behind_s:.1f} s behind, limit {self._silence_s:g} s"
                )
        late_s = self._time.late_s
        if late_s > self._stall_s:
            return f"the data are {late_s * 1000:.0f} ms late, limit {self._stall_s * 1000:g} ms"
        return None

    def stalled(self, elapsed_s: float) -> str | None:
        """What is not as it should be when no data have come for so long, or None."""
        if elapsed_s > self._stall_s:
            return f"no data for {elapsed_s * 1000:.0f} ms"
        return None
