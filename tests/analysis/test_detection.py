"""Detected spikes: those that SpikeInterface finds in the same signal, and those that are there."""

import numpy as np
import pytest

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.hw.device import open_recorder
from crepe.messages import Segment, StreamInfo

RATE_HZ = 10_000.0
SETTLED = 20_000  # samples, until the noise level is that of a whole second
TOLERANCE = 10  # samples


def filtered(noise_uv=5.0, seconds=8, seed=2):
    """Filtered segments of a generator's recording, and where its spikes are."""
    url = f"generator://?n_channels=8&noise_uv={noise_uv:g}&seed={seed}&speed=0"
    recorder = open_recorder(url)
    info = recorder.open(0)
    band = BandPass()
    band.open(ActorContext(inputs={"data": info}))
    segments = []
    while not segments or segments[-1].stop < seconds * RATE_HZ:
        segments.append(band.step(recorder.read(1.0)))
    truth = recorder.truth(0, segments[-1].stop)
    recorder.close()
    return np.concatenate([s.samples for s in segments], axis=1), truth


def detected(samples):
    labels = tuple(str(i) for i in range(len(samples)))
    actor = Detect(threshold_sd=5.0, refractory_ms=1.0)
    actor.open(ActorContext(inputs={"data:filtered": StreamInfo("Segment", RATE_HZ, labels)}))
    result = []
    for at in range(0, samples.shape[1], 100):
        stop = min(at + 100, samples.shape[1])
        result += actor.step(Segment(at, stop, samples[:, at:stop].astype(np.float32)))
    result += actor.finish()
    channel = np.concatenate([f.channel for f in result])
    sample = np.concatenate([f.sample for f in result])
    return [np.sort(sample[channel == c]) for c in range(len(samples))]


def part_detected(expected, result):
    """The part of the wanted spikes that have one within the tolerance among those found."""
    n = sum(len(w) for w in expected)
    near = sum(
        (np.abs(w[:, None] - f[None, :]).min(axis=1) <= TOLERANCE).sum()
        for w, f in zip(expected, result, strict=True)
        if len(w) and len(f)
    )
    return near / n


def settled(trains, stop):
    return [t[(t >= SETTLED) & (t < stop - 100)] for t in trains]


def test_true_spikes_that_stand_out_are_found_and_little_else():
    samples, truth = filtered()
    result = settled(detected(samples), samples.shape[1])
    expected = settled(
        [truth.sample[truth.channel == c] for c in range(len(samples))], samples.shape[1]
    )
    assert sum(len(w) for w in expected) > 50
    assert part_detected(expected, result) > 0.95
    assert part_detected(result, expected) > 0.95


@pytest.mark.parametrize(("noise_uv", "precision", "recall"), [(12, 0.99, 0.1), (7.5, 0.99, 0.85)])
def test_where_spikes_hide_in_the_noise_few_are_found_but_true_ones(noise_uv, precision, recall):
    samples, truth = filtered(noise_uv)
    n = samples.shape[1]
    result = settled(detected(samples), n)
    expected = settled([truth.sample[truth.channel == c] for c in range(len(samples))], n)
    assert part_detected(result, expected) >= precision
    assert part_detected(expected, result) >= recall


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("noise_uv", [5.0, 12.0])
def test_spikes_are_those_of_spikeinterface_to_the_sample(noise_uv):
    core = pytest.importorskip("spikeinterface.core", reason="needs pip install '.[analysis]'")
    peaks_of = pytest.importorskip("spikeinterface.sortingcomponents.peak_detection").detect_peaks
    samples, _ = filtered(noise_uv)
    second, margin = round(RATE_HZ), 100
    theirs = []
    for start in range(
        SETTLED, samples.shape[1], second
    ):  # our noise level is of the second before
        part = samples[:, start - margin : start + second + margin]
        peaks = peaks_of(
            core.NumpyRecording([part.T.astype(np.float32)], RATE_HZ),
            method="by_channel",
            method_kwargs={
                "peak_sign": "neg",
                "detect_threshold": 5.0,
                "exclude_sweep_ms": 1.0,
                "noise_levels": np.median(np.abs(samples[:, start - second : start]), axis=1)
                / 0.6745,
            },
            job_kwargs={"n_jobs": 1, "progress_bar": False},
        )
        at = peaks["sample_index"] + start - margin
        inside = (at >= start) & (at < min(start + second, samples.shape[1] - 100))
        theirs += zip(at[inside].tolist(), peaks["channel_index"][inside].tolist(), strict=True)
    ours = [
        (int(t), channel)
        for channel, train in enumerate(settled(detected(samples), samples.shape[1]))
        for t in train
    ]
    assert len(ours) > 10
    assert sorted(ours) == sorted(theirs)
