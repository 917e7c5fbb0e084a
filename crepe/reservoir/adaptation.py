"""Adaptation of a readout during a session: recursive least squares on the trials so far."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.reservoir.readout import Readout


class Adaptation:
    """Correction of a readout's scores by trials (Haykin 2002, Adaptive Filter Theory, ch. 9).

    The correction is linear in the principal components of the features that the readout was
    trained on. It equals the solution of least squares over all trials, in which the weight of a
    trial falls by the factor `forgetting` with each later one.

    Parameters
    ----------
    state
        The attribute `state` from before a restart.
    """

    def __init__(
        self, readout: Readout, forgetting: float, state: Mapping[str, Any] | None = None
    ) -> None:
        self._readout = readout
        self._forgetting = forgetting
        n_components = readout.basis.shape[1] + 1
        self._weights = np.zeros((len(readout.answers), n_components))
        self._inverse = readout.inverse.copy()
        if state:
            self._weights = np.array(state["weights"])
            self._inverse = np.array(state["inverse"])

    @property
    def state(self) -> dict[str, Any]:
        """The state of the adaptation, as plain arrays."""
        return {"weights": self._weights, "inverse": self._inverse}

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the readout's scores, corrected: (n_answers,)."""
        result: NDArray[np.float64]
        result = self._readout.scores(features) + self._weights @ self._components(features)
        return result

    def learn(self, features: NDArray[np.float64], gesture: str) -> None:
        """Adapt to a trial, from its features and the gesture shown."""
        components = self._components(features)
        # Targets as in `crepe.reservoir.training`, whose scores are corrected.
        target = np.where(np.array(self._readout.answers) == gesture, 1.0, -1.0)
        error = target - self.scores(features)
        spread = self._inverse @ components
        gain = spread / (self._forgetting + components @ spread)
        self._weights += np.outer(error, gain)
        inverse = (self._inverse - np.outer(gain, spread)) / self._forgetting
        self._inverse = (inverse + inverse.T) / 2  # keeps it symmetric in spite of rounding

    def _components(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the principal components of the features, and a constant 1."""
        return np.append(self._readout.scaled(features) @ self._readout.basis, 1.0)
