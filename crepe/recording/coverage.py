"""How much of a stream there is: its duration with and without gaps, and rates over it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """A stream's length and its gaps; the only place that turns them into seconds and rates.

    A recording that was paused for a night is as long as what was recorded: `covered_s`.
    """

    stop: int = 0  # length in samples, with the gaps
    gaps: Sequence[tuple[int, int]] = ()  # windows without data in [0, stop), in order
    sampling_rate_hz: float = 0.0

    @property
    def n_missing(self) -> int:
        """Number of samples in the gaps."""
        return sum(stop - start for start, stop in self.gaps)

    @property
    def n_covered(self) -> int:
        """Number of samples outside the gaps."""
        return self.stop - self.n_missing

    @property
    def covered_s(self) -> float:
        """Seconds of data."""
        return self._seconds(self.n_covered)

    @property
    def missing_s(self) -> float:
        """Seconds in the gaps."""
        return self._seconds(self.n_missing)

    def rate_hz(self, n: int) -> float:
        """Return events per second of data; 0 without data."""
        return n / self.covered_s if self.n_covered else 0.0

    def sample_at(self, covered_s: float) -> int:
        """Return the sample index at which so many seconds of data are complete, at most `stop`."""
        at = round(covered_s * self.sampling_rate_hz)
        for start, stop in self.gaps:
            if start >= at:
                break
            at += stop - start
        return min(at, self.stop)

    def extended(self, stop: int, gaps: Iterable[tuple[int, int]]) -> "Coverage":
        """Return the coverage of the stream when it has grown to `stop`, with its new gaps."""
        joined = list(self.gaps)
        for start, end in gaps:
            if joined and joined[-1][1] == start:
                joined[-1] = joined[-1][0], end
            else:
                joined.append((start, end))
        return Coverage(stop, joined, self.sampling_rate_hz)

    def until(self, stop: int) -> "Coverage":
        """Return the coverage of the stream cut at a sample index."""
        gaps = [(start, min(end, stop)) for start, end in self.gaps if start < stop]
        return Coverage(min(stop, self.stop), gaps, self.sampling_rate_hz)

    @property
    def gaps_text(self) -> str:
        """The gaps in a few words: `no gaps`, or `2 gaps of 600.00 s`."""
        n = len(self.gaps)
        return f"{n} gap{'s' if n > 1 else ''} of {self.missing_s:.2f} s" if n else "no gaps"

    def _seconds(self, n_samples: int) -> float:
        return n_samples / self.sampling_rate_hz if self.sampling_rate_hz else 0.0
