"""An artefact begins where many channels jump; bad samples are replaced by the last good one."""

import numpy as np

from crepe.processing.artefact import artefact_onsets, hold_last_good


def test_an_onset_is_where_enough_channels_jump_and_saturation_is_per_channel():
    samples = np.array([[0, 0, 0, 50, 50, 0], [0, 0, 0, 50, 50, 0], [0, 0, 0, 0, 99, 0.0]])
    onsets, is_saturated = artefact_onsets(samples, np.array([[20.0]]), np.array([[90.0]]), 2)
    assert onsets.tolist() == [1, 2, 3]  # from one sample to the next, and to the next but one
    assert is_saturated.tolist() == [[False] * 4, [False] * 4, [False, False, True, False]]


def test_bad_samples_hold_the_last_good_value():
    samples = np.array([[1.0, 2.0, 3.0, 4.0]])
    is_bad = np.array([[True, False, True, False]])
    assert hold_last_good(samples, is_bad, np.array([[7.0]])).tolist() == [[7.0, 2.0, 2.0, 4.0]]
    assert hold_last_good(samples, np.zeros_like(is_bad), np.array([[7.0]])) is samples
