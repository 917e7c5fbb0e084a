"""Blanking of stimulus artefacts: the signal is constant while they last."""

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from crepe.actors.actor import ActorContext
from crepe.actors.artefact import WithoutArtefact
from crepe.processing.artefact import hold_last_good


class Blank(WithoutArtefact):
    """Each channel keeps its last good value from `before_ms` before to `blank_ms` after an onset.

    It leaves the artefact's slow decay after `blank_ms`, and a step where the signal returns at
    another level; a band-pass responds to that step as to a pulse. It removes every spike in
    between. Where the decay outlasts the first responses, use `Salpa`. The first sample counts as
    good. Input and output are counts; the output lags by `before_ms`.
    """

    _good: NDArray[np.float64] = PrivateAttr()  # (n_channels, 1), last good value, counts
    _dtype: np.dtype[np.generic] = PrivateAttr()

    def open(self, context: ActorContext) -> None:
        super().open(context)
        self._dtype = np.dtype(context.first.dtype)

    def _fresh(self, first: NDArray[np.float64]) -> None:
        self._good = first

    def _clean(self, n: int) -> NDArray[np.generic]:
        place = slice(self._reach, self._reach + n)
        samples = hold_last_good(self._held[:, place], self._is_bad[:, place], self._good)
        self._good = samples[:, -1:]
        return samples.astype(self._dtype)
