"""Stimulus artefacts in the raw signal: where they begin, and a signal held while they last."""

# Decision 31: why by shape.

import numpy as np
from numpy.typing import NDArray


def artefact_onsets(
    samples: NDArray[np.float64],
    jump: NDArray[np.float64],
    rail: NDArray[np.float64],
    min_channels: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the samples at which many channels jump at once, and which samples are saturated.

    Parameters
    ----------
    samples
        (n_channels, 2 + n_samples), counts: the first two columns precede the ones searched. A
        jump is from one sample to the next, or the next but one.
    jump, rail
        (n_channels, 1) or (1, 1), counts: the least difference of a jump, and the least magnitude
        of a saturated sample.
    min_channels
        The least number of channels that jump or saturate in the same sample.

    Returns
    -------
    (n_onsets,): offsets among the searched samples
    (n_channels, n_samples): whether a sample is saturated
    """
    new = samples[:, 2:]
    is_jump = np.abs(new - samples[:, 1:-1]) > jump
    is_jump |= np.abs(new - samples[:, :-2]) > jump
    is_saturated = np.abs(new) >= rail
    is_jump |= is_saturated
    onsets = np.flatnonzero(np.count_nonzero(is_jump, axis=0) >= min_channels)
    return onsets, is_saturated


def hold_last_good(
    samples: NDArray[np.float64], is_bad: NDArray[np.bool_], last_good: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the samples with each bad one replaced by the channel's last good one.

    Parameters
    ----------
    samples, is_bad
        (n_channels, n_samples).
    last_good
        (n_channels, 1): the values to hold while no good sample has come.
    """
    if not is_bad.any():
        return samples
    place = np.where(is_bad, 0, np.arange(1, samples.shape[1] + 1))  # 0: `last_good`
    place = np.maximum.accumulate(place, axis=1)
    return np.take_along_axis(np.concatenate([last_good, samples], axis=1), place, axis=1)
