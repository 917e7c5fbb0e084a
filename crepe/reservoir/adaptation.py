"""A readout that goes on learning: recursive least squares on the trials whose gesture is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.reservoir.readout import Readout


class Adaptation:
    """Corrects a readout's scores, trial by trial (Haykin 2002, Adaptive Filter Theory, ch. 9).

    The correction is linear in the principal components of the features that the readout was
    trained on. It is what least squares over all trials would give, older ones weighing less by
    `forgetting` per trial.

    Parameters
    ----------
    state
        What `state` gave before a restart.
    """

    def __init__(
        self, readout: Readout, forgetting: float, state: Mapping[str, Any] | None = None
    ) -> None:
        self._readout = readout
        self._forgetting = forgetting
        n_seen = readout.basis.shape[1] + 1
        self._weights = np.zeros((len(readout.answers), n_seen))
        self._inverse = readout.inverse.copy()
        if state:
            self._weights = np.array(state["weights"])
            self._inverse = np.array(state["inverse"])

    @property
    def state(self) -> dict[str, Any]:
        """All that later corrections follow from; plain arrays."""
        return {"weights": self._weights, "inverse": self._inverse}

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_answers,): the readout's scores, corrected."""
        result: NDArray[np.float64]
        result = self._readout.scores(features) + self._weights @ self._seen(features)
        return result

    def learn(self, features: NDArray[np.float64], gesture: str) -> None:
        """Take in a trial: what was seen, and what had been shown."""
        seen = self._seen(features)
        target = np.where(np.array(self._readout.answers) == gesture, 1.0, -1.0)
        error = target - self.scores(features)
        spread = self._inverse @ seen
        gain = spread / (self._forgetting + seen @ spread)
        self._weights += np.outer(error, gain)
        inverse = (self._inverse - np.outer(gain, spread)) / self._forgetting
        self._inverse = (inverse + inverse.T) / 2  # rounding must not make it lopsided

    def _seen(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(self._readout.scaled(features) @ self._readout.basis, 1.0)
