"""Spikes by channel and time: bounded by the screen, and none is lost."""

import numpy as np
import pytest

from crepe.dashboard.counts import Counts
from crepe.electrodes.layouts import grid_labels
from crepe.messages import Spikes, StreamInfo

RATE_HZ = 10_000


def info(message, n_channels=60, **more):
    return StreamInfo(message, RATE_HZ, labels=grid_labels(n_channels), **more)


def spikes(start, stop, channel=(), sample=()):
    return Spikes(
        start,
        stop,
        np.array(channel, np.int32),
        np.array(sample, np.int64),
        np.zeros(len(channel), np.float32),
    )


def test_spikes_are_counted_by_channel_and_bin():
    counts = Counts(info("Spikes"))
    counts.take(spikes(0, 1000, [3, 3, 5], [10, 150, 450]))
    found = counts.raster(0, 5)
    assert found.shape == (60, 5)
    assert found[3].tolist() == [2, 0, 0, 0, 0]
    assert found[5].tolist() == [0, 0, 1, 0, 0]
    assert found.sum() == 3


def test_what_is_older_than_a_minute_is_forgotten():
    counts = Counts(info("Spikes"))
    counts.take(spikes(0, 100, [1], [50]))
    counts.reach(100 + 60 * RATE_HZ)
    assert counts.raster(3000, 6000).sum() == 0
    counts.take(spikes(600_100, 600_200, [2], [600_150]))
    assert counts.raster(3000, 3001)[2, 0] == 1


def test_many_spikes_in_a_bin_stay_many():
    counts = Counts(info("Spikes"))
    for start in range(0, 200, 20):
        counts.take(spikes(start, start + 20, [0] * 60, [start] * 60))
    assert counts.raster(0, 1)[0, 0] == 255


@pytest.mark.parametrize("n_channels", [1024, 4096])
def test_a_raster_has_no_more_rows_than_a_screen_and_loses_no_spike(n_channels):
    counts = Counts(info("Spikes", n_channels))
    channel = np.arange(n_channels)
    counts.take(spikes(0, 200, channel, np.zeros(n_channels)))
    assert counts.raster(0, 1).shape == (128, 1)
    assert counts.raster(0, 1).sum() == n_channels


def test_rates_are_per_second_and_channel():
    counts = Counts(info("Spikes"))
    counts.take(spikes(0, RATE_HZ, [7] * 12, np.arange(12) * 800))
    assert counts.rates_hz()[7] == 12
    assert counts.population(0, 50).mean() == pytest.approx(12 / 60)
