"""Causal filters of many channels, part by part."""

# Decision 46: why scipy.signal is not imported here.

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.processing import butterworth

_MODULE = "scipy.signal._sosfilt"


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
