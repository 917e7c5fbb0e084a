"""A trained linear readout, from features to one score per answer; stored in an HDF5 file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.errors import ConfigError, suggest
from crepe.reservoir.features import Window

_FORMAT = "crepe readout 1"
_ARRAYS = ("weights", "offset", "mean", "scale", "basis", "inverse")


@dataclass(frozen=True, eq=False)
class Readout:
    """Weights, and the conditions under which they hold.

    Attributes
    ----------
    weights
        (n_turns, n_answers, n_features): several sets are used in turn, one per trial or so; only
        a control has more than one.
    offset
        (n_turns, n_answers).
    mean, scale
        (n_features,): features are centred and scaled by these first.
    basis
        (n_features, n_components): principal components of the scaled features; adaptation stays
        within them.
    inverse
        (n_components + 1, n_components + 1): inverse of the regularised second moments of the
        components and a constant; adaptation starts from it.
    provenance
        Its origin: session, seed, settings, versions, confusion matrix.
    """

    answers: tuple[str, ...]
    labels: tuple[str, ...]  # of the electrodes
    sampling_rate_hz: float
    window: Window
    weights: NDArray[np.float64]
    offset: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    basis: NDArray[np.float64]
    inverse: NDArray[np.float64]
    provenance: Mapping[str, Any]

    def scaled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return features centred and scaled as the weights require."""
        result: NDArray[np.float64] = (features - self.mean) / self.scale
        return result

    def scores(self, features: NDArray[np.float64], turn: int = 0) -> NDArray[np.float64]:
        """Return the scores, (n_answers,); the answer with the highest score is decoded."""
        k = turn % len(self.weights)
        result: NDArray[np.float64] = self.weights[k] @ self.scaled(features) + self.offset[k]
        return result

    def check(self, labels: Sequence[str], sampling_rate_hz: float, window: Window) -> None:
        """Raise ConfigError unless it was trained on this array, with this rate and window."""
        if tuple(labels) != self.labels:
            other = sorted(set(labels) ^ set(self.labels))
            difference = f"they differ in {', '.join(other[:5])}" if other else "in another order"
            raise ConfigError(
                f"the readout was trained on {len(self.labels)} electrodes, "
                f"the array has {len(labels)}: {difference}"
            )
        if sampling_rate_hz != self.sampling_rate_hz:
            raise ConfigError(
                f"the readout was trained at {self.sampling_rate_hz:g} Hz, "
                f"the array is sampled at {sampling_rate_hz:g} Hz"
            )
        for name, trained in self.window:
            if (value := getattr(window, name)) != trained:
                raise ConfigError(
                    f"{name}: {value!r} in the experiment, the readout was trained with {trained!r}"
                )

    def save(self, path: Path) -> Path:
        """Write the file, whole or not at all; return its path."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f".{path.name}.partial")
        with h5py.File(partial, "w") as file:
            file.attrs["format"] = _FORMAT
            file.attrs["about"] = json.dumps(
                {
                    "answers": self.answers,
                    "labels": self.labels,
                    "sampling_rate_hz": self.sampling_rate_hz,
                    "window": self.window.model_dump(),
                    "provenance": self.provenance,
                }
            )
            for name in _ARRAYS:
                file.create_dataset(name, data=getattr(self, name), compression="gzip")
        partial.replace(path)
        return path


def load(path: Path) -> Readout:
    """Return the readout in a file. Raises ConfigError: the file is missing or no readout."""
    if not path.is_file():
        near = suggest(path.name, [f.name for f in path.parent.glob("*.h5")])
        raise ConfigError(f"{path}: no such readout{near}; `crepe calibrate` makes one")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise ConfigError(f"{path}: HDF5, but not a readout that CREPE can read")
            about = json.loads(file.attrs["about"])
            arrays = {name: np.asarray(file[name][()], np.float64) for name in _ARRAYS}
        return _readout(about, arrays)
    except (OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readout: {error}") from error


def _readout(about: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> Readout:
    """Return the readout with a description; an error if that is not of one."""
    return Readout(
        tuple(about["answers"]),
        tuple(about["labels"]),
        float(about["sampling_rate_hz"]),
        Window(**about["window"]),
        **arrays,
        provenance=about["provenance"],
    )
