"""Our statistics and those of `cl.analysis`, of the same spikes."""

from itertools import permutations

import numpy as np
import pytest

cl = pytest.importorskip(
    "cl", reason="needs Python 3.12 and cl-sdk 1.0, which is no dependency (CC BY-NC 4.0)"
)

from crepe.analysis.bursts import max_interval, network_bursts  # noqa: E402
from crepe.analysis.rates import (  # noqa: E402
    counts_in,
    cv,
    fano_factor,
    intervals_s,
    mean_rate_hz,
    psth_hz,
)
from crepe.analysis.synchrony import sttc  # noqa: E402
from crepe.bridge.cl_frames import RATE_HZ, SCALE_UV, channel_of  # noqa: E402
from crepe.electrodes.layouts import MCS_60_LABELS  # noqa: E402

DURATION_S = 60
BURSTS_S = tuple(float(at) for at in range(5, 60, 10))
"""Beginnings of the true network bursts, each 0.2 s long."""


@pytest.fixture(scope="module")
def trains():
    """Frames of spikes by channel of CL: tonic at 1 Hz, and six bursts of all electrodes."""
    rng = np.random.default_rng(5)
    frames = {}
    for label in MCS_60_LABELS:
        tonic_s = rng.uniform(0, DURATION_S, rng.poisson(DURATION_S))
        in_bursts_s = [at + rng.uniform(0, 0.2, 12) for at in BURSTS_S]
        times_s = np.concatenate([tonic_s, *in_bursts_s])
        frames[channel_of(label)] = np.unique((times_s * RATE_HZ).astype(np.int64))
    return frames


@pytest.fixture(scope="module")
def view(trains, tmp_path_factory):
    """The same spikes as a recording that `cl.RecordingView` reads."""
    import tables

    path = tmp_path_factory.mktemp("cl") / "spikes.h5"
    rows = [(frame, channel) for channel, of in trains.items() for frame in of.tolist()]
    spikes = np.array(sorted(rows), [("timestamp", "i8"), ("channel", "u1")])
    with tables.open_file(str(path), "w") as file:
        file.create_table("/", "spikes", spikes)
        attributes = {
            "channel_count": 64, "sampling_frequency": RATE_HZ, "frames_per_second": RATE_HZ,
            "uV_per_sample_unit": SCALE_UV, "duration_frames": DURATION_S * RATE_HZ,
            "duration_seconds": float(DURATION_S), "start_timestamp": 0,
            "end_timestamp": DURATION_S * RATE_HZ,
        }  # fmt: skip
        for name, value in attributes.items():
            file.root._v_attrs[name] = value
    with cl.RecordingView(str(path)) as opened:
        yield opened


def test_rates_counts_and_intervals_are_those_of_cl_analysis(trains, view):
    theirs = view.analyse_firing_stats(bin_size_sec=1.0)
    for channel, frames in trains.items():
        times_s = frames / RATE_HZ
        counts = counts_in(times_s, 1.0, DURATION_S)
        np.testing.assert_array_equal(theirs.firing_counts[channel], counts)
        mean, variance = (
            of[channel]
            for of in (theirs.channel_mean_firing_rates, theirs.channel_var_firing_rates)
        )
        assert mean_rate_hz(times_s, DURATION_S) == pytest.approx(mean)
        assert fano_factor(counts) == pytest.approx(variance / mean)
        np.testing.assert_allclose(intervals_s(times_s), theirs.channel_ISI[channel])
        ratio = np.sqrt(theirs.channel_ISI_var[channel]) / theirs.channel_ISI_mean[channel]
        assert cv(times_s) == pytest.approx(ratio)


def test_spike_triggered_histograms_are_those_of_cl_analysis(trains, view):
    theirs = view.analyse_spike_triggered_histogram(
        bin_size_sec=0.0101, start_sec=0.0505, end_sec=0.0505, num_channels=4
    )
    assert len(theirs.histograms) == 12
    for (trigger, channel), histogram in theirs.histograms.items():
        times_s, events_s = trains[channel] / RATE_HZ, trains[trigger] / RATE_HZ
        rates_hz = psth_hz(times_s, events_s, 0.0505, 0.0505, 0.0101)
        counts = rates_hz * len(events_s) * 0.0101
        # Edges are computed differently, so a spike on one may be in either bin.
        assert np.abs(np.cumsum(counts) - np.cumsum(histogram[: len(counts)])).max() <= 1


def test_both_detect_the_true_network_bursts_with_other_edges(trains, view):
    theirs = view.analyse_network_bursts(0.05, onset_freq_hz=15, offset_freq_hz=8)
    times_s = [frames / RATE_HZ for frames in trains.values()]
    ours = network_bursts(times_s, [max_interval(each) for each in times_s], DURATION_S)
    begins_s = [burst.start_frame / RATE_HZ for burst in theirs.bursts]
    np.testing.assert_allclose([begin_s for begin_s, _ in ours], BURSTS_S, atol=0.1)
    np.testing.assert_allclose(begins_s, BURSTS_S, atol=0.05)
    # MaxInterval extends a burst by spikes up to 0.3 s away; theirs ends with a bin.
    assert all(0.15 < end_s - begin_s < 0.7 for begin_s, end_s in ours)
    assert all(0.2 <= d <= 0.25 for d in theirs.network_burst_durations_sec)


def test_pearson_links_and_sttc_order_pairs_alike_where_bursts_are_shared(trains, view):
    theirs = view.analyse_functional_connectivity(0.1, correlation_threshold=0.0)
    few = [channel_of(label) for label in ("47", "48", "21", "87", "55")]
    rng = np.random.default_rng(1)
    for one, other in permutations(few, 2):
        shared = sttc(trains[one] / RATE_HZ, trains[other] / RATE_HZ, DURATION_S)
        alone = rng.permutation(np.diff(trains[other], prepend=0)).cumsum() / RATE_HZ
        shuffled = sttc(trains[one] / RATE_HZ, alone, DURATION_S)
        assert theirs.adjacency_matrix[one, other] > 0.5
        assert shared > 0.3
        assert shuffled < shared / 2
