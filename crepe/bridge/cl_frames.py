"""Samples of a 60-electrode array as frames of the CL SDK: its grid, its rate, its scale."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, resample_poly

from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import ConfigError
from crepe.messages import StreamInfo

RATE_HZ = 25_000
N_CHANNELS = 64
SCALE_UV = 0.195
_FILTER = 10  # half the length of the FIR of `resample_poly`, in samples of the lower rate


def channel_of(label: str) -> int:
    """Return the channel of CL's 8 x 8 grid, column by column, for a label such as `47`."""
    return 8 * (int(label[0]) - 1) + int(label[1]) - 1


class Frames:
    """Frames of CL, at 25 kHz, from the samples of a stream of any whole rate.

    The anti-aliasing FIR is the default of `scipy.signal.resample_poly` (Kaiser window, beta 5).
    Sample 0 is frame 0; all `up` frames and `down` samples the two grids meet.

    Raises
    ------
    ConfigError
        The array is no 60MEA, or the rate is not a whole number.
    """

    def __init__(self, info: StreamInfo, place: str) -> None:
        if not set(info.labels) <= set(MCS_60_LABELS):
            raise ConfigError(f"{place}: labels {info.labels[:3]}, must be of a 60MEA")
        if info.sampling_rate_hz != round(info.sampling_rate_hz):
            raise ConfigError(f"{place}: {info.sampling_rate_hz} Hz, must be a whole number")
        rate_hz = round(info.sampling_rate_hz)
        divisor = math.gcd(RATE_HZ, rate_hz)
        self.up, self.down = RATE_HZ // divisor, rate_hz // divisor
        self.channels = np.array([channel_of(label) for label in info.labels], np.int64)
        self._to_counts = np.reshape(info.scale_uv, (-1, 1)) / SCALE_UV
        most = max(self.up, self.down)
        # Designed once: that takes longer than the filtering of a segment.
        self._fir: Any = None  # the stubs of scipy allow no array
        if most > 1:
            self._fir = firwin(2 * _FILTER * most + 1, 1 / most, window=("kaiser", 5.0))
        # Steps of the common grid on both sides of a window, beyond which the filter reads nothing.
        self.margin = (
            0 if self.up == self.down else 1 + math.ceil(_FILTER / min(self.up, self.down))
        )

    def window(self, start: int, stop: int) -> tuple[int, int]:
        """Return the samples [first, last) that frames [start, stop) need; `first` may be < 0."""
        first = (start // self.up - self.margin) * self.down
        return first, (-(-stop // self.up) + self.margin) * self.down

    def complete(self, n_samples: int) -> int:
        """Return the frame up to which samples [0, n_samples) are enough; the grids meet there."""
        return max(0, n_samples // self.down - self.margin) * self.up

    def timestamp(self, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the frames in which samples are."""
        return sample * self.up // self.down

    def sample(self, timestamp: int) -> int:
        """Return the sample in which a frame is."""
        return timestamp * self.down // self.up

    def of(self, samples: NDArray[np.number], start: int, stop: int) -> NDArray[np.int16]:
        """Return frames [start, stop) as (stop - start, 64).

        `samples` are those of `window`, in counts: (n_channels, n_samples).
        """
        first, _ = self.window(start, stop)
        counts = np.multiply(samples, self._to_counts, dtype=np.float64)
        if self.up != self.down:
            counts = resample_poly(counts, self.up, self.down, axis=1, window=self._fir)
        at = start - first // self.down * self.up
        limits = np.iinfo(np.int16)
        frames = np.zeros((stop - start, N_CHANNELS), np.int16)
        frames[:, self.channels] = np.clip(
            np.round(counts[:, at : at + stop - start].T), limits.min, limits.max
        )
        return frames
