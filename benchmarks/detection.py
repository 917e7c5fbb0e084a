"""Recall and precision of spike detection by signal-to-noise ratio.

Run on its own (`python -m benchmarks.detection`); prints the table of
docs/explanations/statistics.md. The signal
is the generator's: spikes of 60 uV at 2 Hz per channel in white noise. Spikes of a channel are 3 ms
apart or more, so within the tolerance a crossing belongs to one of them at most; a spike's second
crossing is a wrong one. With SpikeInterface the same filtered signal and the same thresholds, those
of a second that hold from 0.25 s after it on, are given to its `detect_peaks`.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.hw.device import open_recorder
from crepe.messages import Segment, StreamInfo

SPIKE_UV = 60.0
RATIOS = (3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0)
THRESHOLDS_SD = (5.0, 4.0)
N_CHANNELS, SECONDS = 16, 60
SETTLED, TOLERANCE, MARGIN = 20_000, 10, 100  # samples

Trains = list[NDArray[np.int64]]  # sample indices by channel


class Signal(NamedTuple):
    """A filtered recording with its true spikes."""

    info: StreamInfo
    segments: list[Segment]
    true: Trains

    @property
    def samples_uv(self) -> NDArray[np.float32]:
        return np.concatenate([segment.samples for segment in self.segments], axis=1)


def signal(noise_uv: float, spike_uv: float = SPIKE_UV, seconds: int = SECONDS) -> Signal:
    """Return a recording behind the band-pass."""
    url = f"generator://?n_channels={N_CHANNELS}&noise_uv={noise_uv:.4f}&spike_uv={spike_uv:g}"
    recorder = open_recorder(f"{url}&speed=0")
    info = recorder.open(0)
    band = BandPass()
    band.open(ActorContext(inputs={"data": info}))
    segments: list[Segment] = []
    while not segments or segments[-1].stop < seconds * info.sampling_rate_hz:
        segment = recorder.read(1.0)
        assert segment is not None
        segments.append(band.step(segment))
    truth = recorder.truth(0, segments[-1].stop)
    assert truth is not None
    info = band.output_info(ActorContext(inputs={"data": info}))
    return Signal(info, segments, _trains(truth.channel, truth.sample, segments[-1].stop))


def detected(recorded: Signal, threshold_sd: float) -> Trains:
    """Return the spikes that CREPE detects, segment by segment."""
    detect = Detect(threshold_sd=threshold_sd)
    detect.open(ActorContext(inputs={"data:filtered": recorded.info}))
    spikes = [message for segment in recorded.segments for message in detect.step(segment)]
    channel = np.concatenate([each.channel for each in spikes])
    sample = np.concatenate([each.sample for each in spikes])
    return _trains(channel, sample, recorded.segments[-1].stop)


def detected_by_spikeinterface(recorded: Signal, threshold_sd: float) -> Trains | None:
    """Return SpikeInterface's spikes, level by level, by the noise levels of `Detect`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from spikeinterface.core import NumpyRecording
            from spikeinterface.sortingcomponents.peak_detection import detect_peaks
    except ImportError:
        return None
    samples_uv, second = recorded.samples_uv, round(recorded.info.sampling_rate_hz)
    channel, sample = [], []
    measured = second // 4
    for start in range(SETTLED + measured - second, samples_uv.shape[1] - MARGIN, second):
        before_uv = samples_uv[:, start - measured - second : start - measured]
        first = start - MARGIN
        peaks = detect_peaks(
            NumpyRecording([samples_uv[:, first : start + second + MARGIN].T], second),
            method="by_channel",
            method_kwargs={
                "peak_sign": "neg",
                "detect_threshold": threshold_sd,
                "exclude_sweep_ms": 1.0,
                "noise_levels": np.median(np.abs(before_uv), axis=1) / 0.6745,
            },
            job_kwargs={"n_jobs": 1, "progress_bar": False},
        )
        at = peaks["sample_index"] + first
        is_inside = (at >= start) & (at < start + second)
        channel.append(peaks["channel_index"][is_inside])
        sample.append(at[is_inside])
    stop = recorded.segments[-1].stop
    return _trains(np.concatenate(channel), np.concatenate(sample), stop)


def _trains(channel: NDArray[np.int32], sample: NDArray[np.int64], stop: int) -> Trains:
    is_settled = (sample >= SETTLED) & (sample < stop - 100)
    return [np.sort(sample[is_settled & (channel == c)]) for c in range(N_CHANNELS)]


def n_near(reference: Trains, candidates: Trains, tolerance: int = TOLERANCE) -> int:
    """Return how many reference spikes have a candidate within the tolerance."""
    n = 0
    for w, f in zip(reference, candidates, strict=True):
        if len(w) and len(f):
            n += int((np.abs(w[:, None] - f[None]).min(axis=1) <= tolerance).sum())
    return n


def n_of(trains: Trains) -> int:
    """Return the number of spikes of all channels."""
    return sum(len(train) for train in trains)


def behind_the_filter() -> float:
    """Return the factor by which the band-pass changes the ratio of peak to noise."""
    noise_uv = float(np.std(signal(5.0, 0.0, 10).samples_uv[:, SETTLED:])) / 5.0
    clean = signal(0.0, seconds=10)
    samples_uv = clean.samples_uv
    near = np.arange(-TOLERANCE, TOLERANCE)
    peaks_uv = [-samples_uv[c][t[:, None] + near].min(axis=1) for c, t in enumerate(clean.true)]
    return float(np.median(np.concatenate(peaks_uv))) / SPIKE_UV / noise_uv


def main() -> None:
    gain = behind_the_filter()
    kinds = [f"{what}, {sd:g} SD" for sd in THRESHOLDS_SD for what in ("precision", "recall")]
    heads = ["peak / noise SD", "behind the band-pass", *kinds]
    same = [f"SpikeInterface's we find, {sd:g} SD | ours it finds" for sd in THRESHOLDS_SD]
    print(f"| {' | '.join([*heads, *same])} |")
    print("|---" * (len(heads) + 2 * len(same)) + "|")
    for ratio in RATIOS:
        recorded = signal(SPIKE_UV / ratio)
        cells, theirs = [f"{ratio:g}", f"{gain * ratio:.1f}"], []
        for sd in THRESHOLDS_SD:
            ours, other = detected(recorded, sd), detected_by_spikeinterface(recorded, sd)
            n_true = n_near(recorded.true, ours)
            cells += [f"{n_true / max(1, n_of(ours)):.4f}", f"{n_true / n_of(recorded.true):.4f}"]
            if other is None:
                theirs += ["-", "-"]
            else:
                theirs.append(f"{n_near(other, ours, 0) / max(1, n_of(other)):.4f}")
                theirs.append(f"{n_near(ours, other, 0) / max(1, n_of(ours)):.4f}")
        print(f"| {' | '.join(cells + theirs)} |", flush=True)


if __name__ == "__main__":
    main()
