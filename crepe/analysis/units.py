"""The choice of electrodes for an experiment from what drives what."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import ConfigError


class Units(NamedTuple):
    """Electrodes by their part in an experiment, as labels."""

    inputs: tuple[str, str]
    outputs: tuple[tuple[str, ...], tuple[str, ...]]  # those that each input drives
    training: tuple[str, ...]


def choose_units(
    effect: NDArray[np.float64],
    stimulated: tuple[str, ...],
    recorded: tuple[str, ...],
    *,
    n_outputs: int,
    n_training: int,
) -> Units:
    """Return two inputs that drive different outputs, and the electrodes that drive both outputs.

    Of all pairs of inputs the one whose weaker side is strongest is taken, where a side is the sum,
    over its outputs, of how much more its input drives them than the other input does. Training
    electrodes are those others with the largest summed effect on all outputs. Equal ones come in
    the order of their labels. The method is ours.

    Parameters
    ----------
    effect
        (n_stimulated, n_recorded): how much likelier a pulse makes a response; 0 for no link.
    stimulated, recorded
        Labels of the rows and columns of `effect`.
    n_outputs
        Number of electrodes of each output.
    n_training
        Number of training electrodes.

    Raises
    ------
    ConfigError
        No two inputs drive so many electrodes of their own, or too few others are left to train.
    """
    best, units = 0.0, None
    for i in range(len(stimulated)):
        for k in range(i + 1, len(stimulated)):
            inputs = (stimulated[i], stimulated[k])
            own = effect[i] - effect[k]
            own[[label in inputs for label in recorded]] = 0.0
            order = np.argsort(-own, kind="stable")
            first, second = order[:n_outputs], order[::-1][:n_outputs]
            # The weakest electrode must be driven, too.
            if own[first].min() <= 0 or own[second].max() >= 0:
                continue
            weaker = min(own[first].sum(), -own[second].sum())
            if weaker > best:
                best, units = weaker, (inputs, first, second)
    if units is None:
        raise ConfigError(f"map: no two electrodes drive {n_outputs} electrodes each of their own")
    inputs, *sides = units
    outputs = tuple(tuple(recorded[j] for j in side) for side in sides)
    drive = effect[:, np.concatenate(sides)].sum(axis=1)
    drive[[label in (*inputs, *outputs[0], *outputs[1]) for label in stimulated]] = 0.0
    order = np.argsort(-drive, kind="stable")[:n_training]
    if len(order) < n_training or drive[order].min() <= 0:
        raise ConfigError(f"map: fewer than {n_training} other electrodes drive the outputs")
    training = tuple(stimulated[j] for j in order)
    return Units(inputs, (outputs[0], outputs[1]), training)
