"""The band-pass: causal, the same however the signal is cut, and true to its band."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from crepe.actors.actor import ActorContext
from crepe.actors.filter import BandPass, Notch
from crepe.errors import ConfigError
from crepe.messages import Segment, StreamInfo

RATE_HZ = 10_000.0
INFO = StreamInfo(labels=("a", "b"), sampling_rate_hz=RATE_HZ, scale_uv=(0.5, 2.0))
SIGNAL = np.random.default_rng(1).integers(-2000, 2000, (2, 4000), dtype=np.int32) + 30_000


def opened(**fields):
    actor = BandPass(**fields)
    actor.open(ActorContext(inputs={"data": INFO}, name="filter"))
    return actor


def run(actor, cuts, start=0):
    edges = [start, *cuts, SIGNAL.shape[1]]
    pairs = itertools.pairwise(edges)
    return [actor.step(Segment(a, b, SIGNAL[:, a:b])) for a, b in pairs if b > a]


def test_the_output_is_scipys_after_the_offset_is_taken_away():
    (whole,) = run(opened(order=3), [])
    sos = butter(3, (300, 3000), "bandpass", fs=RATE_HZ, output="sos")
    microvolts = SIGNAL * np.array([[0.5], [2.0]])
    expected = sosfilt(sos, microvolts - microvolts[:, :1], axis=1)
    np.testing.assert_allclose(whole.samples, expected, atol=2e-2)
    assert whole.samples.dtype == np.float32


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 3999), max_size=20).map(sorted))
def test_any_split_gives_the_same_samples_to_the_bit(cuts):
    (whole,) = run(opened(), [])
    parts = run(opened(), cuts)
    np.testing.assert_array_equal(np.concatenate([p.samples for p in parts], axis=1), whole.samples)


def test_a_warmed_up_filter_equals_one_that_was_never_stopped():
    (whole,) = run(opened(), [])
    actor = opened()
    warmup = round(actor.warmup_s * RATE_HZ)
    at = 3000
    (late,) = run(actor, [], start=at - warmup)
    np.testing.assert_allclose(late.samples[:, warmup:], whole.samples[:, at:], atol=1e-3)


def test_a_gap_begins_anew_without_a_step_response():
    actor = opened()
    actor.step(Segment(0, 100, np.full((2, 100), 5)))
    after = actor.step(Segment(500, 600, np.full((2, 100), 40_000)))
    np.testing.assert_allclose(after.samples, 0, atol=1e-2)


def test_a_constant_offset_disappears_and_the_band_stays():
    t = np.arange(4000) / RATE_HZ
    sine = 1000 * np.sin(2 * np.pi * 1000 * t)
    out = opened().step(Segment(0, 4000, np.stack([sine + 9999, np.full(4000, 7)])))
    assert abs(out.samples[0, 2000:].max() - 500) < 15
    assert np.abs(out.samples[1]).max() < 1e-3


@pytest.mark.parametrize(("low_hz", "high_hz"), [(300, 6000), (3000, 300), (300, 5000)])
def test_a_band_that_does_not_fit_the_rate_is_refused(low_hz, high_hz):
    with pytest.raises(ConfigError, match="filter: band .* must rise and stay below 5000 Hz"):
        opened(low_hz=low_hz, high_hz=high_hz)


def test_the_output_is_described_in_microvolts():
    info = BandPass().output_info(ActorContext(inputs={"data": INFO}))
    assert (info.dtype, info.scale_uv) == ("float32", (1.0,))


def test_where_a_channel_stands_still_the_output_is_exactly_zero():
    samples = np.random.default_rng(1).integers(-999, 999, (2, 3000)).astype(np.int32)
    samples[0, 1000:1500] = 131_071
    (out,) = [opened().step(Segment(0, 3000, samples))]
    assert (out.samples[0, 1010:1500] == 0).all()
    assert np.count_nonzero(out.samples[1] == 0) <= 1  # the first sample may be


def notch(**fields):
    actor = Notch(**fields)
    actor.open(ActorContext(inputs={"data": INFO}, name="notch"))
    return actor


def test_a_notch_removes_the_mains_and_leaves_the_rest():
    t = np.arange(6 * round(RATE_HZ)) / RATE_HZ
    hum = 400 * np.sin(2 * np.pi * 50 * t)
    third = 400 * np.sin(2 * np.pi * 150 * t)
    rest = 400 * np.sin(2 * np.pi * 700 * t)
    samples = np.stack([hum, third]) + rest
    scale = np.array(INFO.scale_uv)[:, np.newaxis]
    late = slice(-round(RATE_HZ), None)
    plain = notch().step(Segment(0, len(t), samples)).samples[:, late]
    np.testing.assert_allclose(plain[0], (scale * rest[late])[0], atol=8 * float(scale[0, 0]))
    assert (plain / scale)[1].std() > 1.3 * (plain / scale)[0].std()  # the harmonic stays
    both = notch(n_harmonics=2).step(Segment(0, len(t), samples)).samples[:, late]
    np.testing.assert_allclose(both / scale, np.stack([rest[late]] * 2), atol=12)


def test_a_notch_does_not_depend_on_how_the_signal_is_cut_and_keeps_still_channels_still():
    samples = np.random.default_rng(1).integers(-999, 999, (2, 3000)).astype(np.int32)
    samples[0, 1000:1500] = 0
    whole = notch().step(Segment(0, 3000, samples)).samples
    parts = notch()
    cut = [
        parts.step(Segment(a, b, samples[:, a:b])).samples
        for a, b in ((0, 7), (7, 1203), (1203, 3000))
    ]
    np.testing.assert_array_equal(np.concatenate(cut, axis=1), whole)
    assert (whole[0, 1010:1500] == 0).all()


def test_harmonics_that_do_not_fit_the_rate_are_refused():
    with pytest.raises(ConfigError, match="notch n_harmonics: 100 of 50 Hz reach 5050 Hz"):
        notch(n_harmonics=100)
