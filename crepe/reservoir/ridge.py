"""Ridge regression with a constant, whose regularisation is chosen by leave-one-out errors.

Every fit on the same inputs comes from one singular value decomposition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Scaling:
    """Mean and standard deviation of each feature, (n_features,); 1 for a constant feature."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, features: NDArray[np.float64]) -> Self:
        """Return the scaling of features, (n_trials, n_features)."""
        mean, scale = features.mean(axis=0), features.std(axis=0)
        # A constant has a deviation of rounding errors only.
        rounding = len(features) * np.finfo(np.float64).eps * np.abs(mean)
        return cls(mean, np.where(scale <= rounding, 1.0, scale))

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the features, centred and scaled."""
        scaled: NDArray[np.float64] = (features - self.mean) / self.scale
        return scaled


class Ridge:
    """Fits of targets on the same centred inputs, (n_trials, n_features).

    Attributes
    ----------
    components
        (n_components, n_features): the principal components of the inputs, the largest first.
    """

    def __init__(self, inputs: NDArray[np.float64]) -> None:
        self._left, self._singular, self.components = np.linalg.svd(inputs, full_matrices=False)

    def choose_alpha(self, targets: NDArray[np.float64], alphas: Sequence[float]) -> float:
        """Return the regularisation with the smallest mean square of leave-one-out errors.

        `targets` is (n_trials, n_targets). The error of a trial follows from the fit of all, by
        its leverage (Golub, Heath and Wahba 1979).
        """
        errors = [self._left_out_error(targets, alpha) for alpha in alphas]
        return float(alphas[int(np.argmin(errors))])

    def fit(
        self, targets: NDArray[np.float64], alpha: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weights, (n_targets, n_features), and the offsets, (n_targets,)."""
        offset = targets.mean(axis=0)
        shrunk = self._singular / (self._singular**2 + alpha)
        weights = ((self._left.T @ (targets - offset)).T * shrunk) @ self.components
        return weights, offset

    def _left_out_error(self, targets: NDArray[np.float64], alpha: float) -> float:
        centred = targets - targets.mean(axis=0)
        kept = self._singular**2 / (self._singular**2 + alpha)
        residual = centred - (self._left * kept) @ (self._left.T @ centred)
        # 1 / n_trials is the leverage of the constant.
        leverage = 1 / len(centred) + self._left**2 @ kept
        return float(np.mean((residual / (1 - leverage)[:, None]) ** 2))
