"""Training of a readout: ridge regression on labelled trials, with cross-validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.environment.versions import versions
from crepe.errors import ConfigError
from crepe.reservoir.features import Window
from crepe.reservoir.readout import Readout
from crepe.reservoir.ridge import Ridge, Scaling

ALPHAS = tuple(10.0**k for k in range(-1, 5))
"""Regularisations to choose from, within each fold."""

N_COMPONENTS = 20
"""Number of principal components whose weights adaptation may change."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Labelled trials of one array.

    Attributes
    ----------
    features
        (n_trials, n_features), as `Window.features` gives them.
    gesture
        The gesture stimulated in each trial.
    block
        The block of each trial; folds and permutations keep to blocks.
    """

    features: NDArray[np.float64]
    gesture: NDArray[np.str_]
    block: NDArray[np.int64]
    labels: tuple[str, ...]  # of the electrodes
    sampling_rate_hz: float
    window: Window


@dataclass(frozen=True, eq=False)
class Validation:
    """Result of cross-validation: every trial was decoded by a readout trained on other blocks."""

    accuracy: float
    answers: tuple[str, ...]
    confusion: NDArray[np.int64]  # (shown, decoded), in the order of `answers`


def validate(trials: Trials) -> Validation:
    """Return the cross-validation that leaves out one block after the other.

    Scaling and regularisation are fitted in each fold.
    """
    _check(trials)
    answers, shown = np.unique(trials.gesture, return_inverse=True)
    decoded = np.empty_like(shown)
    for block in np.unique(trials.block):
        is_left_out = trials.block == block
        scaling = Scaling.of(trials.features[~is_left_out])
        ridge = Ridge(scaling.apply(trials.features[~is_left_out]))
        # of the answers in these blocks only: one without trials could not be decoded
        trained = np.unique(shown[~is_left_out])
        targets = _targets(shown[~is_left_out], trained)
        weights, offset = ridge.fit(targets, ridge.choose_alpha(targets, ALPHAS))
        scores = scaling.apply(trials.features[is_left_out]) @ weights.T + offset
        decoded[is_left_out] = trained[scores.argmax(axis=1)]
    confusion = np.zeros((len(answers), len(answers)), np.int64)
    np.add.at(confusion, (shown, decoded), 1)
    return Validation(float(np.mean(decoded == shown)), tuple(answers.tolist()), confusion)


def train(trials: Trials, about: Mapping[str, Any]) -> Readout:
    """Return a readout of all trials; its provenance is `about` and the validation."""
    validation = validate(trials)
    provenance = {
        **about,
        "n_trials": len(trials.gesture),
        "n_blocks": len(np.unique(trials.block)),
        "accuracy": validation.accuracy,
        "confusion": validation.confusion.tolist(),
        "versions": versions(),
    }
    return _fitted(trials, [trials.gesture], provenance)


def shuffled(trials: Trials, readout: Readout, n_turns: int, seed: int) -> Readout:
    """Return a control readout, trained in the same way on permuted labels.

    Labels are permuted within each block, anew for each of `n_turns` sets of weights.
    """
    rng = np.random.default_rng([seed, n_turns])
    gestures = [permuted(trials.gesture, trials.block, rng) for _ in range(n_turns)]
    provenance = {**readout.provenance, "labels_permuted": n_turns}
    return _fitted(trials, gestures, provenance)


def permuted(
    values: NDArray[Any], block: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[Any]:
    """Return the values in random order within each block."""
    order = np.lexsort((rng.random(len(values)), block))  # sorted by the last key first
    result = np.empty_like(values)
    result[np.argsort(block, kind="stable")] = values[order]
    return result


def _fitted(
    trials: Trials, gestures: Sequence[NDArray[np.str_]], provenance: Mapping[str, Any]
) -> Readout:
    """Return a readout with a set of weights for each of several labellings of the trials."""
    answers = np.unique(trials.gesture)
    scaling = Scaling.of(trials.features)
    scaled = scaling.apply(trials.features)
    ridge = Ridge(scaled)
    sets = [_targets(gesture, answers) for gesture in gestures]
    alphas = [ridge.choose_alpha(targets, ALPHAS) for targets in sets]
    fits = [ridge.fit(targets, alpha) for targets, alpha in zip(sets, alphas, strict=True)]
    basis = ridge.components[:N_COMPONENTS].T
    inputs = np.column_stack([scaled @ basis, np.ones(len(scaled))])
    moments = inputs.T @ inputs + alphas[0] * np.eye(inputs.shape[1])
    return Readout(
        tuple(answers.tolist()),
        trials.labels,
        trials.sampling_rate_hz,
        trials.window,
        np.stack([weights for weights, _ in fits]),
        np.stack([offset for _, offset in fits]),
        scaling.mean,
        scaling.scale,
        basis,
        np.linalg.inv(moments),
        {**provenance, "alpha": alphas},
    )


def _targets(answers: NDArray[Any], possible: NDArray[Any]) -> NDArray[np.float64]:
    """Return one target for each possible answer: 1 in its trials, and -1 in the others."""
    return np.where(answers[:, None] == possible, 1.0, -1.0)


def _check(trials: Trials) -> None:
    n_blocks = len(np.unique(trials.block))
    if n_blocks < 2:
        raise ConfigError(f"calibration: {n_blocks} blocks of trials, must be at least 2")
    answers, counts = np.unique(trials.gesture, return_counts=True)
    if len(answers) < 2:
        raise ConfigError(f"calibration: trials of {', '.join(answers)} only, must be 2 gestures")
    if counts.min() < n_blocks:
        least = answers[counts.argmin()]
        raise ConfigError(
            f"calibration: {counts.min()} trials of {str(least)!r} in {n_blocks} blocks, "
            "must be at least one per block"
        )
