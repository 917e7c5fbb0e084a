"""Causal filters of many channels, part by part, and their designs.

The actors of `crepe.actors.filter` and the reader of recordings use the same designs, so that a
stream that was not recorded can be computed as it was.
"""

# Decision 46: why scipy.signal is not imported here.

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from math import pi
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Segment, StreamInfo
from crepe.processing import butterworth
from crepe.processing.stillness import Stillness

_MODULE = "scipy.signal._sosfilt"
_SETTLE = 17  # time constants of a notch: then the transient is below float32 rounding
_SETTLE_PERIODS = 20  # of the lower corner: then the transient is below float32 rounding


class SectionFilter:
    """A filter of second-order sections whose state is kept from part to part.

    `sections` is (n_sections, 6), as scipy.signal has them.
    """

    def __init__(self, sections: NDArray[np.float64]) -> None:
        self._run_sections = _run_sections()
        self._sections = sections
        self._rest = butterworth.steady_state(sections)  # of a constant input of 1
        self._state: NDArray[np.float64]  # (n_channels, n_sections, 2)

    def restart(self, first: NDArray[np.float64]) -> None:
        """Set the state as if the samples `first`, (n_channels, 1), had been constant before."""
        self._state = self._rest * first[:, :, np.newaxis]

    def apply(self, samples: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the next samples filtered: (n_channels, n_samples), in the unit of the input."""
        filtered = np.array(samples, np.float64, order="C")
        self._run_sections(self._sections, filtered, self._state)  # changes both in place
        return filtered.astype(np.float32)


class SegmentFilter:
    """A filter of consecutive segments, counts in, microvolts out; it begins anew after a gap.

    Where a channel stands still the output is exactly 0, or with `passes_still` the input.
    """

    def __init__(self, kernel: SectionFilter, info: StreamInfo, *, passes_still: bool) -> None:
        self._kernel = kernel
        self._stillness = Stillness(info.n_channels, info.sampling_rate_hz)
        self._scale = np.asarray(info.scale_uv, dtype=np.float64)[:, np.newaxis]
        self._passes_still = passes_still
        self._stop = -1

    def apply(self, segment: Segment) -> Segment:
        """Return the next segment filtered."""
        samples_uv = segment.samples * self._scale
        if segment.start != self._stop:  # at the beginning and after a gap
            self._kernel.restart(samples_uv[:, :1])
            self._stillness.restart()
        self._stop = segment.stop
        filtered = self._kernel.apply(samples_uv)
        is_still = self._stillness.mark(segment.samples)
        if is_still is not None:
            filtered[is_still] = samples_uv[is_still] if self._passes_still else 0
        return replace(segment, samples=filtered)


def filtered_info(info: StreamInfo) -> StreamInfo:
    """Return the description of a filtered stream from that of its input."""
    return replace(info, dtype="float32", scale_uv=(1.0,))


class Design(Protocol):
    """The settings of a filter, from which all its output follows."""

    @property
    def settle_s(self) -> float:
        """Seconds of input after which the output no longer depends on what was before."""

    def filter(self, info: StreamInfo) -> SegmentFilter:
        """Return the filter of a stream."""


@dataclass(frozen=True)
class BandPassDesign:
    """A Butterworth band-pass; corners in Hz, the order is that of the low-pass prototype."""

    low_hz: float = 300.0
    high_hz: float = 3000.0
    order: int = 2

    @property
    def settle_s(self) -> float:
        # A band that is narrower than its lower corner rings for as long as it is narrow.
        return _SETTLE_PERIODS / min(self.low_hz, (self.high_hz - self.low_hz) / 2)

    def filter(self, info: StreamInfo) -> SegmentFilter:
        rate_hz = info.sampling_rate_hz
        kernel = band_pass(self.low_hz, self.high_hz, self.order, rate_hz)
        return SegmentFilter(kernel, info, passes_still=False)


@dataclass(frozen=True)
class NotchDesign:
    """Notches at the mains and at `n_harmonics` of its multiples."""

    mains_hz: float = 50.0
    n_harmonics: int = 0
    quality: float = 30.0

    @property
    def settle_s(self) -> float:
        return _SETTLE * self.quality / (pi * self.mains_hz)

    @property
    def at_hz(self) -> list[float]:
        """The frequencies that are removed."""
        return [self.mains_hz * n for n in range(1, self.n_harmonics + 2)]

    def filter(self, info: StreamInfo) -> SegmentFilter:
        kernel = notches(self.at_hz, self.quality, info.sampling_rate_hz)
        # A constant passes a notch unchanged, once the notch has settled.
        return SegmentFilter(kernel, info, passes_still=True)


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
    return SectionFilter(butterworth.band_pass(low_hz, high_hz, order, rate_hz))


def notches(at_hz: list[float], quality: float, rate_hz: float) -> SectionFilter:
    """Return a filter that removes single frequencies, each below half of `rate_hz`.

    `quality` is a frequency over the width, at -3 dB, of its notch.
    """
    from scipy import signal  # slow to import, and rarely needed

    return SectionFilter(
        np.array([np.concatenate(signal.iirnotch(hz, quality, fs=rate_hz)) for hz in at_hz])
    )


def _run_sections() -> Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], None]:
    """Return the compiled loop of `scipy.signal.sosfilt`.

    Its file is loaded without the package around it, whose import takes 0.6 s and 70 MB. Raises
    ImportError where a version of scipy has no such file.
    """
    module = sys.modules.get(_MODULE)
    if module is None:
        scipy = find_spec("scipy")
        places = scipy.submodule_search_locations if scipy else None
        spec = PathFinder.find_spec(_MODULE, [str(Path(place, "signal")) for place in places or ()])
        if spec is None or spec.loader is None:
            raise ImportError(f"{_MODULE}: not in this version of scipy")
        module = module_from_spec(spec)
        # Under its own name: a second initialisation by `import scipy.signal` would be refused.
        sys.modules[_MODULE] = module
        spec.loader.exec_module(module)
    loop: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], None] = module._sosfilt
    return loop
