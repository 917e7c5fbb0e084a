"""Causal filters of many channels, part by part."""

import numpy as np
from numpy.typing import NDArray


class SectionFilter:
    """A filter of second-order sections whose state is kept from part to part.

    `sections` is (n_sections, 6), as scipy.signal has them.
    """

    def __init__(self, sections: NDArray[np.float64]) -> None:
        from scipy import signal  # slow to import, and not needed to check an experiment file

        self._sosfilt = signal.sosfilt
        self._sos = sections
        self._rest: NDArray[np.float64]  # state of a constant input of 1
        self._rest = signal.sosfilt_zi(self._sos)[:, np.newaxis, :]
        self._state: NDArray[np.float64]  # (n_sections, n_channels, 2)

    def restart(self, first: NDArray[np.float64]) -> None:
        """Set the state as if the samples `first`, (n_channels, 1), had been constant before."""
        self._state = self._rest * first[np.newaxis]

    def apply(self, samples: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the next samples filtered: (n_channels, n_samples), in the unit of the input."""
        filtered, self._state = self._sosfilt(self._sos, samples, axis=1, zi=self._state)
        result: NDArray[np.float32] = filtered.astype(np.float32)
        return result


def band_pass(low_hz: float, high_hz: float, order: int, rate_hz: float) -> SectionFilter:
    """Return a Butterworth band-pass.

    Parameters
    ----------
    low_hz, high_hz
        Corners, where the gain has fallen by 3 dB; `high_hz` is below half of `rate_hz`.
    order
        Of the low-pass that the band-pass is derived from.
    rate_hz
        Sampling rate.
    """
    from scipy import signal

    return SectionFilter(
        signal.butter(order, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
    )


def notches(at_hz: list[float], quality: float, rate_hz: float) -> SectionFilter:
    """Return a filter that removes single frequencies, each below half of `rate_hz`.

    `quality` is a frequency over the width, at -3 dB, of its notch.
    """
    from scipy import signal

    return SectionFilter(
        np.array([np.concatenate(signal.iirnotch(hz, quality, fs=rate_hz)) for hz in at_hz])
    )
