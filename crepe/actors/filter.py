"""Band-pass: what is left are spikes and noise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import ConfigError
from crepe.messages import Segment, StreamInfo

_SETTLE_PERIODS = 20  # of the lower corner; then the start has decayed below float32 rounding


class BandPass(Actor[Segment, Segment]):
    """Causal Butterworth band-pass with kept state, counts in, microvolts out (Quiroga 2004)."""

    low_hz: PositiveFloat = 300.0
    high_hz: PositiveFloat = 3000.0
    order: int = Field(2, ge=1, le=5)

    _sos: NDArray[np.float64] = PrivateAttr()
    _rest: NDArray[np.float64] = PrivateAttr()  # state of a constant input of 1
    _sosfilt: Callable[..., Any] = PrivateAttr()
    _scale: NDArray[np.float64] = PrivateAttr()
    _state: NDArray[np.float64] = PrivateAttr()
    _stop: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return _SETTLE_PERIODS / self.low_hz

    def open(self, start: ActorContext) -> None:
        from scipy import signal  # slow to import, and not needed to check a file

        rate_hz = start.first.sampling_rate_hz
        if not self.low_hz < self.high_hz < rate_hz / 2:
            raise ConfigError(
                f"{start.name}: band {self.low_hz:g} to {self.high_hz:g} Hz, "
                f"must rise and stay below {rate_hz / 2:g} Hz, half the sampling rate"
            )
        band = (self.low_hz, self.high_hz)
        self._sosfilt = signal.sosfilt
        self._sos = signal.butter(self.order, band, "bandpass", fs=rate_hz, output="sos")
        self._rest = signal.sosfilt_zi(self._sos)[:, np.newaxis, :]
        self._scale = np.asarray(start.first.scale_uv, dtype=np.float64)[:, np.newaxis]

    def output_info(self, start: ActorContext) -> StreamInfo:
        return replace(start.first, dtype="float32", scale_uv=(1.0,))

    def step(self, segment: Segment) -> Segment:
        samples_uv = segment.samples * self._scale
        if segment.start != self._stop:  # a new beginning: as if the first sample had stood long
            self._state = self._rest * samples_uv[np.newaxis, :, :1]
        self._stop = segment.stop
        filtered, self._state = self._sosfilt(self._sos, samples_uv, axis=1, zi=self._state)
        return Segment(
            segment.start,
            segment.stop,
            filtered.astype(np.float32),
            segment.t_ns,
            segment.is_estimated,
        )
