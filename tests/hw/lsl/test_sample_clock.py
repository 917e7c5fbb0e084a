"""Gaps and drift from made-up time stamps: losses, delays, both; no network and no clock."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.errors import DeviceError
from crepe.hw.lsl.sample_clock import SampleClock

RATE_HZ, CHUNK = 10_000.0, 100


def stream(n_chunks, *, late_s=None, lost=None, ppm=0.0, start_s=1000.0):
    """Yield index and stamps of each chunk; `lost` and `late_s` are by chunk number.

    A chunk's stamps are those of its last sample, counted back at the nominal rate, as liblsl does.
    A late sender stamps nothing earlier than what it has stamped before.
    """
    lost, late_s, before_s = lost or {}, late_s or {}, 0.0
    index = 0
    for number in range(n_chunks):
        index += lost.get(number, 0)
        samples = np.arange(index, index + CHUNK)
        index += CHUNK
        due_s = start_s + index / RATE_HZ * (1 + ppm / 1e6)
        sent_s = max(before_s + 1e-5, due_s + late_s.get(number, 0.0))
        before_s = sent_s
        yield samples[np.newaxis], sent_s - np.arange(CHUNK)[::-1] / RATE_HZ


def indices(clock, chunks):
    """Return the sample index that each sample got, and its true one."""
    position, given_index, true_index = 0, [], []
    for samples, stamps in chunks:
        for part in clock.add(samples, stamps):
            position += part.n_missing
            n = part.samples.shape[1]
            given_index += range(position, position + n)
            true_index += part.samples[0].tolist()
            position += n
    return np.array(given_index), np.array(true_index)


def test_regular_stamps_pass_at_once():
    clock = SampleClock(RATE_HZ, 0.02, 0.25)
    for samples, stamps in stream(50):
        (part,) = clock.add(samples, stamps)
        assert (part.n_missing, part.samples.shape) == (0, (1, CHUNK))


def test_a_loss_is_a_gap_of_its_length():
    at, true = indices(SampleClock(RATE_HZ, 0.02, 0.25), stream(200, lost={60: 3000, 120: 777}))
    assert np.array_equal(at, true)
    assert len(at) > 19_000


def test_a_sender_that_was_late_and_catches_up_makes_no_gap():
    late_s = {60 + i: 0.5 - 0.01 * i for i in range(50)}  # 0.5 s of chunks sent at once
    at, true = indices(SampleClock(RATE_HZ, 0.02, 0.25), stream(300, late_s=late_s))
    assert np.array_equal(at, true)
    assert len(at) > 29_000


def test_a_loss_while_the_sender_is_late_is_counted_without_its_delay():
    late_s = {60 + i: 0.5 - 0.01 * i for i in range(50)}
    chunks = stream(300, late_s=late_s, lost={60: 4000})
    at, true = indices(SampleClock(RATE_HZ, 0.02, 0.25), chunks)
    assert abs(at - true).max() <= 1
    assert at[-1] > 32_000


@settings(max_examples=30)
@given(
    st.dictionaries(st.integers(20, 150), st.floats(0, 0.1), max_size=20),
    st.sets(st.sampled_from([40, 90, 140]), max_size=2),
    st.floats(-200, 200),
)
def test_jitter_and_drift_neither_make_nor_hide_a_gap(late_s, lost_at, ppm):
    chunks = list(stream(200, late_s=late_s, lost=dict.fromkeys(lost_at, 5000), ppm=ppm))
    at, true = indices(SampleClock(RATE_HZ, 0.02, 0.25), chunks)
    error = abs(at - true)
    # samples that came late right before a loss may be misplaced by their delay, and only they
    assert error.max() <= 0.1 * RATE_HZ + 2
    assert error[-1] <= 0.02 * RATE_HZ + 2
    assert lost_at or not error.any()
    assert len(at) > 17_000


@pytest.mark.parametrize("ppm", [-150.0, 0.0, 80.0, 2000.0])
def test_drift_is_measured_after_a_minute_and_is_no_gap(ppm):
    clock = SampleClock(RATE_HZ, 0.02, 0.25)
    at, true = indices(clock, stream(1000, ppm=ppm))
    assert clock.drift_ppm == 0.0
    at, true = indices(clock := SampleClock(RATE_HZ, 0.02, 0.25), stream(9000, ppm=ppm))
    assert np.array_equal(at, true)
    assert clock.drift_ppm == pytest.approx(ppm, abs=3)


def test_stamps_that_go_back_are_refused():
    clock = SampleClock(RATE_HZ, 0.02, 0.25)
    indices(clock, stream(10))
    with pytest.raises(DeviceError, match="time stamps went back by 90"):
        indices(clock, stream(1, start_s=100.0))
