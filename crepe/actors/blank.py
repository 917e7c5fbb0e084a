"""Stimulus artefacts blanked: the signal stands still while they last."""

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from crepe.actors.actor import ActorContext
from crepe.actors.artefact import WithoutArtefact


class Blank(WithoutArtefact):
    """Each channel keeps its last good value from `before_ms` before to `blank_ms` after an onset.

    What it leaves: the artefact's slow decay after `blank_ms`, and a step where the signal comes
    back at another level than it left; a band-pass answers that step like a pulse. What it takes:
    every spike in between. Where the decay outlasts the first responses, use `Salpa`. The first
    sample counts as good. Counts stay counts; they leave `before_ms` late.
    """

    _good: NDArray[np.float64] = PrivateAttr()  # (n_channels, 1), last good value, counts
    _dtype: np.dtype[np.generic] = PrivateAttr()

    def open(self, start: ActorContext) -> None:
        super().open(start)
        self._dtype = np.dtype(start.first.dtype)

    def _fresh(self, first: NDArray[np.float64]) -> None:
        self._good = first

    def _clean(self, n: int) -> NDArray[np.generic]:
        here = slice(self._reach, self._reach + n)
        samples, is_bad = self._held[:, here], self._is_bad[:, here]
        if is_bad.any():
            place = np.where(is_bad, 0, np.arange(1, n + 1))  # 0: the good value from before
            place = np.maximum.accumulate(place, axis=1)
            known = np.concatenate([self._good, samples], axis=1)
            samples = np.take_along_axis(known, place, axis=1)
        self._good = samples[:, -1:]
        return samples.astype(self._dtype)
