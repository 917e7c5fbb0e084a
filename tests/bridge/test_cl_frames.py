"""Samples as frames of the CL SDK: any blocks give the same frames, at every rate."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import resample_poly

from crepe.bridge.cl_frames import N_CHANNELS, RATE_HZ, SCALE_UV, Frames, channel_of
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import ConfigError
from crepe.messages import StreamInfo


def frames_of(rate_hz, scale_uv=SCALE_UV, labels=MCS_60_LABELS):
    info = StreamInfo(labels=labels, sampling_rate_hz=float(rate_hz), scale_uv=(scale_uv,))
    return Frames(info, "data")


def test_the_electrodes_of_a_60mea_are_all_but_the_corners_of_the_grid():
    channels = {channel_of(label) for label in MCS_60_LABELS}
    assert set(range(N_CHANNELS)) - channels == {0, 7, 56, 63}
    assert channel_of("15") == 4  # the reference, which cannot stimulate in the CL array either


@pytest.mark.parametrize("rate_hz", [10_000, 20_000, 25_000, 30_000, 40_000, 50_000])
def test_blocks_join_without_a_seam(rate_hz):
    frames = frames_of(rate_hz, scale_uv=SCALE_UV)
    samples = np.random.default_rng(1).integers(-1000, 1000, (60, rate_hz // 10))
    whole = np.round(resample_poly(samples.astype(float), frames.up, frames.down, axis=1))
    before, _ = frames.window(0, 0)
    padded = np.pad(samples, ((0, 0), (-before, 0)))
    n_frames = frames.complete(samples.shape[1])
    edges = [*range(0, n_frames, 37), n_frames]
    blocks = []
    for start, stop in pairwise(edges):
        first, last = frames.window(start, stop)
        assert last <= samples.shape[1]
        blocks.append(frames.of(padded[:, first - before : last - before], start, stop))
    joined = np.concatenate(blocks)
    assert joined.shape == (n_frames, N_CHANNELS)
    assert joined.dtype == np.int16
    assert n_frames > 0.09 * RATE_HZ
    np.testing.assert_array_equal(joined[:, frames.channels], whole.T[:n_frames])
    assert not joined[:, [0, 7, 56, 63]].any()


def test_counts_are_those_of_cl_and_stay_within_16_bits():
    frames = frames_of(RATE_HZ, scale_uv=2 * SCALE_UV, labels=("47",))
    values = frames.of(np.array([[1, -3, 30_000, -30_000]]), 0, 4)[:, 30]
    assert values.tolist() == [2, -6, 32_767, -32_768]


def test_samples_and_frames_are_at_one_time():
    frames = frames_of(10_000)
    assert frames.timestamp(np.array([0, 1, 2, 10_000])).tolist() == [0, 2, 5, RATE_HZ]
    assert [frames.sample(t) for t in (0, 2, 5, RATE_HZ)] == [0, 0, 2, 10_000]


def test_another_array_or_a_broken_rate_is_named():
    with pytest.raises(ConfigError, match=r"data: labels \('A-000',\), must be of a 60MEA"):
        frames_of(10_000, labels=("A-000",))
    with pytest.raises(ConfigError, match=r"data: 10000.5 Hz, must be a whole number"):
        frames_of(10_000.5)
