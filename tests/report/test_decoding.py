"""Accuracy, confusion and blocks of trials whose numbers can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from crepe.report.decoding import decoding, readouts
from crepe.report.wording import decided_text, verdict
from crepe.results.trials import wilson


def test_accuracy_counts_what_was_decoded_and_unreadable_is_wrong(by_hand, trials):
    result = decoding(by_hand, trials, 1000.0)
    assert result.gestures == ["paper", "rock"]
    # Unreadable once: the same answers are right in 0.5 and 0.25 of trials on average.
    assert result.chance == pytest.approx(0.375, abs=0.01)
    stimulation, sham = result.conditions
    assert (stimulation.condition, sham.condition) == ("stimulation", "sham")
    assert (stimulation.n_right, stimulation.n_trials, stimulation.accuracy) == (2, 2, 1.0)
    assert (sham.n_right, sham.n_trials, sham.accuracy) == (1, 2, 0.5)
    assert stimulation.n_stimulated is None  # nobody said
    assert stimulation.outcomes == {"won": 2}
    assert sham.outcomes == {"lost": 1, "won": 1}


def test_p_is_the_part_of_permutations_that_do_as_well(by_hand, trials):
    stimulation, sham = decoding(by_hand, trials, 1000.0).conditions
    assert stimulation.p_value == pytest.approx(0.5, abs=0.03)  # two orders of two gestures
    assert sham.p_value == pytest.approx(0.5, abs=0.03)


def test_confusion_is_shown_by_decoded_and_its_last_column_is_nothing(by_hand, trials):
    stimulation, sham = decoding(by_hand, trials, 1000.0).conditions
    assert stimulation.confusion == [[1, 0, 0], [0, 1, 0]]
    assert sham.confusion == [[0, 0, 1], [0, 1, 0]]


def test_the_interval_is_wilsons():
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_blocks_have_their_time_in_the_session(by_hand, trials):
    first, second = decoding(by_hand, trials, 1000.0).blocks
    assert (first.start_s, first.stop_s, first.n_right) == (0.5, 3.5, 2)
    assert (second.start_s, second.stop_s, second.n_right) == (4.5, 7.5, 1)
    assert second.ci95 == wilson(1, 2)


def test_without_blocks_ten_trials_in_a_row_are_taken(by_hand, trials):
    states = [replace(trials[k % 2], block=0, condition="") for k in range(23)]
    result = decoding(by_hand, states, 1000.0)
    assert [block.n_trials for block in result.blocks] == [10, 10, 3]
    assert [item.condition for item in result.conditions] == [""]


def test_a_calibration_is_no_score(by_hand, trials):
    states = [replace(state, condition="calibration", decoded=None) for state in trials]
    assert decoding(by_hand, states, 1000.0) is None


def test_rallies_without_a_gesture_are_no_decoding(by_hand, trials):
    states = [replace(state, gesture=None, decoded=None) for state in trials]
    assert decoding(by_hand, states, 1000.0) is None


def test_a_readout_whose_file_is_gone_says_so(by_hand, tmp_path):
    session = replace(by_hand, text=f'[actors.decode]\nreadout = "{tmp_path}/gone.h5"\n')
    (result,) = readouts(session, tmp_path, is_real_time=False)
    assert result.actor == "decode"
    assert "no such readout" in result.problem
    assert result.accuracy is None


def test_trials_without_pulses_are_counted_apart(by_hand, trials):
    result = decoding(by_hand, trials, 1000.0, {2})
    stimulation, sham = result.conditions
    assert (stimulation.n_stimulated, sham.n_stimulated) == (1, 0)
    assert (stimulation.n_trials, stimulation.n_left_out, stimulation.n_right) == (2, 1, 1)
    assert "1 without their pulses are left out" in verdict(stimulation)
    assert np.sum(stimulation.confusion) == 1
    assert (sham.n_left_out, sham.n_right) == (0, 1)  # no pulse was requested
    assert [block.n_trials for block in result.blocks] == [1, 2]
    (nothing, _) = decoding(by_hand, trials, 1000.0, set()).conditions
    assert (nothing.accuracy, nothing.ci95) == (None, None)
    assert "no trial that counts" in verdict(nothing)


def test_the_page_says_what_the_answers_follow_from(by_hand, trials):
    session = replace(
        by_hand, text='[actors.decode]\nrun = "crepe.actors.nearest_rate:NearestRate"'
    )
    assert "follow one of the trains" in decided_text(decoding(session, trials, 1000.0))
    assert decided_text(decoding(by_hand, trials, 1000.0)) == ""
