"""The dead-man's switch: do data flow, and do the streams of requests keep up with them?"""

# Decision 18: what is not detected.

from collections.abc import Sequence

from crepe.safety.real_time import RealTime


class Liveness:
    """The lag of the data and of each stream of requests.

    Every stream counts by itself: one that is alive does not hide another that hangs.

    Parameters
    ----------
    requests
        Streams of stimuli.
    stall_s
        Longest silence, or delay, of the data.
    silence_s
        Longest lag of a stream of requests behind the data; a rest is no lag.
    """

    def __init__(
        self,
        time: RealTime,
        sampling_rate_hz: float,
        requests: Sequence[str],
        *,
        stall_s: float,
        silence_s: float,
    ) -> None:
        self._time = time
        self._rate_hz = sampling_rate_hz
        self._reached = dict.fromkeys(requests, time.clock)
        self._stall_s = stall_s
        self._silence_s = silence_s

    def on_position(self, stream: str, position: int) -> None:
        """Note that a stream is complete up to a sample index."""
        if stream in self._reached:
            self._reached[stream] = max(self._reached[stream], position)

    def missing(self) -> str | None:
        """Return what is late when data have come, or None."""
        for stream, reached in self._reached.items():
            behind_s = (self._time.clock - reached) / self._rate_hz
            if behind_s > self._silence_s:
                lag = f"{behind_s:.1f} s behind, limit {self._silence_s:g} s"
                return f"the requester on {stream} is {lag}"
        late_s = self._time.late_s
        if late_s > self._stall_s:
            return f"the data are {late_s * 1000:.0f} ms late, limit {self._stall_s * 1000:g} ms"
        return None

    def stalled(self, elapsed_s: float) -> str | None:
        """Return why to stop when no data have come for so long, or None."""
        if elapsed_s > self._stall_s:
            return f"no data for {elapsed_s * 1000:.0f} ms"
        return None
