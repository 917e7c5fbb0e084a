"""Trains are cut into few and equal bursts, or not at all."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.safety.sub_trains import cuttable, pulses_per_sub_train, uncuttable


@pytest.mark.parametrize(
    ("n_pulses", "rate_hz", "expected"),
    [
        (20, 20.0, 20),
        (60, 20.0, 20),
        (61, 30.3, None),
        (60, 30.3, 30),
        (63, 30.3, 21),
        (5, 0.5, 1),
        (25, 20.0, None),  # 5 of 5 would be more than twice as many as the 2 that are needed
    ],
)
def test_a_sub_train_is_a_second_at_most_and_half_a_second_about(n_pulses, rate_hz, expected):
    assert pulses_per_sub_train(n_pulses, rate_hz) == expected


@given(st.integers(1, 500), st.floats(0.1, 100), st.floats(0.01, 1.0))
def test_what_is_cuttable_is_cut_into_equal_sub_trains_that_are_short_and_few(
    n, rate_hz, sub_train_s
):
    fewer = cuttable(n, rate_hz, sub_train_s)
    sub_train = pulses_per_sub_train(fewer, rate_hz, sub_train_s)
    most = max(1, int(sub_train_s * rate_hz))
    assert sub_train is not None
    assert 1 <= sub_train <= most
    assert fewer % sub_train == 0
    assert fewer // sub_train <= 2 * ceil(fewer / most)
    assert n - ceil(n / most) < fewer <= n
    if n <= most:
        assert (fewer, sub_train) == (n, n)


def test_a_train_that_cannot_be_cut_is_refused_with_one_that_can():
    assert uncuttable(60, 30.3) is None
    assert uncuttable(61, 30.3) == (
        "train: 61 pulses at 30.3 Hz cannot be cut into equal bursts of 1 s at most, 60 can"
    )
