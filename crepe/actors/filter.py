"""Filters: the band-pass that leaves spikes and noise, and a notch against the mains."""

from dataclasses import replace
from math import pi

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import ConfigError
from crepe.messages import Segment, StreamInfo
from crepe.processing.filter import SectionFilter, band_pass, notches
from crepe.processing.stillness import Stillness

_SETTLE = 17  # time constants of a notch: then the transient is below float32 rounding
_SETTLE_PERIODS = 20  # of the lower corner: then the transient is below float32 rounding


class BandPass(Actor[Segment, Segment]):
    """Causal Butterworth band-pass, counts in, microvolts out (Quiroga et al. 2004).

    Where a channel stands still (held by its amplifier, at the rail, or dead) for a millisecond and
    longer, the output is exactly 0: readers know that nothing was measured there.
    """

    low_hz: PositiveFloat = 300.0
    """Lower corner frequency."""
    high_hz: PositiveFloat = 3000.0
    """Upper corner frequency; below half the sampling rate."""
    order: int = Field(2, ge=1, le=5)
    """Order of the Butterworth filter: number of poles at each corner."""

    _kernel: SectionFilter = PrivateAttr()
    _stillness: Stillness = PrivateAttr()
    _scale: NDArray[np.float64] = PrivateAttr()  # microvolts per count, (n_channels or 1, 1)
    _stop: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return _SETTLE_PERIODS / self.low_hz

    def open(self, context: ActorContext) -> None:
        rate_hz = context.first.sampling_rate_hz
        if not self.low_hz < self.high_hz < rate_hz / 2:
            raise ConfigError(
                f"{context.name}: band {self.low_hz:g} to {self.high_hz:g} Hz, "
                f"must rise and stay below {rate_hz / 2:g} Hz, half the sampling rate"
            )
        self._kernel = band_pass(self.low_hz, self.high_hz, self.order, rate_hz)
        self._stillness = Stillness(context.first.n_channels, rate_hz)
        self._scale = np.asarray(context.first.scale_uv, dtype=np.float64)[:, np.newaxis]

    def output_info(self, context: ActorContext) -> StreamInfo:
        return replace(context.first, dtype="float32", scale_uv=(1.0,))

    def step(self, segment: Segment) -> Segment:
        samples_uv = segment.samples * self._scale
        if segment.start != self._stop:  # at the beginning and after a gap
            self._kernel.restart(samples_uv[:, :1])
            self._stillness.restart()
        self._stop = segment.stop
        filtered = self._kernel.apply(samples_uv)
        filtered[self._stillness.mark(segment.samples)] = 0
        return Segment(segment.start, segment.stop, filtered, segment.t_ns, segment.is_estimated)


class Notch(Actor[Segment, Segment]):
    """Filter that removes the mains and, if need be, its harmonics; counts in, microvolts out.

    It may stand before or after the band-pass, which removes the mains itself from spikes, but not
    the harmonics above its lower corner. Each notch rings after a step for about
    quality / mains_hz seconds. Where a channel stands still, so does the output.
    """

    mains_hz: PositiveFloat = 50.0
    """Frequency of the mains: 50 in most countries, 60 in others."""
    n_harmonics: int = Field(0, ge=0, le=100)
    """Number of multiples of the mains that are removed as well, from the second on."""
    quality: PositiveFloat = 30.0
    """Sharpness of each notch: its frequency over its width at -3 dB, a ratio."""

    _kernel: SectionFilter = PrivateAttr()
    _stillness: Stillness = PrivateAttr()
    _scale: NDArray[np.float64] = PrivateAttr()  # microvolts per count, (n_channels or 1, 1)
    _stop: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return _SETTLE * self.quality / (pi * self.mains_hz)

    def open(self, context: ActorContext) -> None:
        rate_hz = context.first.sampling_rate_hz
        at_hz = [self.mains_hz * n for n in range(1, self.n_harmonics + 2)]
        if at_hz[-1] >= rate_hz / 2:
            raise ConfigError(
                f"{context.name} n_harmonics: {self.n_harmonics} of {self.mains_hz:g} Hz reach "
                f"{at_hz[-1]:g} Hz, must stay below {rate_hz / 2:g} Hz, half the sampling rate"
            )
        self._kernel = notches(at_hz, self.quality, rate_hz)
        self._stillness = Stillness(context.first.n_channels, rate_hz)
        self._scale = np.asarray(context.first.scale_uv, dtype=np.float64)[:, np.newaxis]

    def output_info(self, context: ActorContext) -> StreamInfo:
        return replace(context.first, dtype="float32", scale_uv=(1.0,))

    def step(self, segment: Segment) -> Segment:
        samples_uv = segment.samples * self._scale
        if segment.start != self._stop:  # at the beginning and after a gap
            self._kernel.restart(samples_uv[:, :1])
            self._stillness.restart()
        self._stop = segment.stop
        filtered = self._kernel.apply(samples_uv)
        # A constant passes a notch unchanged, once the notch has settled.
        is_still = self._stillness.mark(segment.samples)
        filtered[is_still] = samples_uv[is_still]
        return Segment(segment.start, segment.stop, filtered, segment.t_ns, segment.is_estimated)
