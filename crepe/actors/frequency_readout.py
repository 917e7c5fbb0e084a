"""Decoder of the original CREPE: the frequency that the electrodes carry, second by second."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.electrodes.layouts import channels_of
from crepe.messages import Decision, Segment


class FrequencyReadout(Actor[Segment, Decision]):
    """Decoder by moving average, peak of the spectrum, mean over the electrodes, nearest rate.

    It treats each second by itself, as the original (MovingAvg, FrequencyExtractor, MeameDecoder),
    with three corrections: the second's mean is subtracted first, and frequency 0 is no peak, since
    any offset was read as 0 Hz; the average has no tail of zeros. A second with a gap gives no
    decision. A decision covers the segment in which its second ends. Noise, too, has a peak
    somewhere: the mean must be within `farthest_hz` of a rate.
    """

    decides_by: ClassVar[str] = (
        "the strongest rhythm of the signal in each second, stimulated or not; it is following, "
        "not a response of its own"
    )

    electrodes: tuple[str, ...] = Field(min_length=1)
    """Labels of the electrodes to decode."""
    rates_hz: Mapping[str, PositiveFloat] = Field(min_length=1)
    """Stimulation rate of each answer, by its name."""
    average_s: PositiveFloat = 0.01
    """Length of the moving average before the spectrum."""
    top_hz: PositiveFloat = 100.0
    """Upper limit of the search for peaks."""
    farthest_hz: PositiveFloat = 5.0
    """Largest distance of the mean peak from a rate; farther from all of them there is no
    answer."""

    _rows: NDArray[np.int64] = PrivateAttr()
    _n: int = PrivateAttr()  # samples of a second
    _n_average: int = PrivateAttr()
    _held: NDArray[np.float64] = PrivateAttr()  # (n_electrodes, n): the current second
    _n_held: int = PrivateAttr(0)  # samples of it
    _skip: int = PrivateAttr(0)  # samples before the next second
    _stop: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return 1.0

    def open(self, context: ActorContext) -> None:
        info = context.first
        self._rows = channels_of(self.electrodes, info.labels, f"{context.name} electrodes")
        self._n = round(info.sampling_rate_hz)
        self._n_average = max(1, round(self.average_s * info.sampling_rate_hz))
        self._held = np.empty((len(self._rows), self._n))

    def possible_decisions(self) -> tuple[str, ...]:
        return tuple(self.rates_hz)

    def step(self, segment: Segment) -> list[Decision]:
        if segment.start != self._stop:
            # Seconds are those of the index, so that a restart decides on the same ones.
            self._skip = -segment.start % self._n  # until the next whole second begins
            self._n_held = 0
        self._stop = segment.stop
        samples = segment.samples[self._rows, self._skip :]
        self._skip = max(0, self._skip - (segment.stop - segment.start))
        decisions = []
        while samples.shape[1]:
            n = min(samples.shape[1], self._n - self._n_held)
            self._held[:, self._n_held : self._n_held + n] = samples[:, :n]
            samples = samples[:, n:]
            self._n_held += n
            if self._n_held == self._n:
                self._n_held = 0
                decisions.append(self._decide(segment))
        return decisions

    def _decide(self, segment: Segment) -> Decision:
        centred = self._held - self._held.mean(axis=1, keepdims=True)
        total = np.cumsum(centred, axis=1)
        # Sums instead of means: a constant factor moves no peak.
        smooth = total[:, self._n_average :] - total[:, : -self._n_average]
        spectrum = np.abs(np.fft.rfft(smooth, self._n, axis=1))
        peaks_hz = 1 + spectrum[:, 1 : int(self.top_hz)].argmax(axis=1)  # bins of 1 Hz
        mean_hz = float(peaks_hz.mean())
        distance = {name: abs(rate_hz - mean_hz) for name, rate_hz in self.rates_hz.items()}
        nearest = min(distance, key=lambda name: distance[name])
        value = nearest if distance[nearest] <= self.farthest_hz else None
        return Decision(segment.start, segment.stop, value, {"mean_hz": mean_hz})
