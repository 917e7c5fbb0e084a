"""Filters: the band-pass that leaves spikes and noise, and a notch against the mains."""

from typing import ClassVar

from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import ConfigError
from crepe.messages import Segment, StreamInfo
from crepe.processing.filter import BandPassDesign, NotchDesign, SegmentFilter, filtered_info


class BandPass(Actor[Segment, Segment]):
    """Causal Butterworth band-pass, counts in, microvolts out (Quiroga et al. 2004).

    Where a channel stands still (held by its amplifier, at the rail, or dead) for a millisecond and
    longer, the output is exactly 0: readers know that nothing was measured there.
    """

    is_per_channel: ClassVar[bool] = True

    low_hz: PositiveFloat = BandPassDesign.low_hz
    """Lower corner frequency."""
    high_hz: PositiveFloat = BandPassDesign.high_hz
    """Upper corner frequency; below half the sampling rate."""
    order: int = Field(BandPassDesign.order, ge=1, le=5)
    """Order of the Butterworth filter: number of poles at each corner."""

    _filter: SegmentFilter = PrivateAttr()

    @property
    def _design(self) -> BandPassDesign:
        return BandPassDesign(self.low_hz, self.high_hz, self.order)

    @property
    def warmup_s(self) -> float:
        return self._design.settle_s

    def open(self, context: ActorContext) -> None:
        rate_hz = context.first.sampling_rate_hz
        if not self.low_hz < self.high_hz < rate_hz / 2:
            raise ConfigError(
                f"{context.name}: band {self.low_hz:g} to {self.high_hz:g} Hz, "
                f"must rise and stay below {rate_hz / 2:g} Hz, half the sampling rate"
            )
        self._filter = self._design.filter(context.first)

    def output_info(self, context: ActorContext) -> StreamInfo:
        return filtered_info(context.first)

    def step(self, segment: Segment) -> Segment:
        return self._filter.apply(segment)


class Notch(Actor[Segment, Segment]):
    """Filter that removes the mains and, if need be, its harmonics; counts in, microvolts out.

    It may stand before or after the band-pass, which removes the mains itself from spikes, but not
    the harmonics above its lower corner. Each notch rings after a step for about
    quality / mains_hz seconds. Where a channel stands still, so does the output.
    """

    is_per_channel: ClassVar[bool] = True

    mains_hz: PositiveFloat = NotchDesign.mains_hz
    """Frequency of the mains: 50 in most countries, 60 in others."""
    n_harmonics: int = Field(NotchDesign.n_harmonics, ge=0, le=100)
    """Number of multiples of the mains that are removed as well, from the second on."""
    quality: PositiveFloat = NotchDesign.quality
    """Sharpness of each notch: its frequency over its width at -3 dB, a ratio."""

    _filter: SegmentFilter = PrivateAttr()

    @property
    def _design(self) -> NotchDesign:
        return NotchDesign(self.mains_hz, self.n_harmonics, self.quality)

    @property
    def warmup_s(self) -> float:
        return self._design.settle_s

    def open(self, context: ActorContext) -> None:
        rate_hz, highest_hz = context.first.sampling_rate_hz, self._design.at_hz[-1]
        if highest_hz >= rate_hz / 2:
            raise ConfigError(
                f"{context.name} n_harmonics: {self.n_harmonics} of {self.mains_hz:g} Hz reach "
                f"{highest_hz:g} Hz, must stay below {rate_hz / 2:g} Hz, half the sampling rate"
            )
        self._filter = self._design.filter(context.first)

    def output_info(self, context: ActorContext) -> StreamInfo:
        return filtered_info(context.first)

    def step(self, segment: Segment) -> Segment:
        return self._filter.apply(segment)
