"""How many of the true spikes detection finds, and how many of those it finds are true, by SNR.

Run on its own (`python -m benchmarks.detection`). The signal is the generator's: spikes of 60 uV at
2 Hz per channel in white noise; the spike-to-noise ratio is the peak over the noise's SD before
the band-pass.
"""

import numpy as np
from numpy.typing import NDArray

from crepe.actors.actor import Start
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.hw.instrument import open_recorder

SPIKE_UV = 60.0
RATIOS = (3.0, 4.0, 5.0, 6.0, 8.0, 12.0)
SETTLED, SECONDS, TOLERANCE = 20_000, 60, 10  # samples, s, samples


def one(ratio: float) -> tuple[float, float]:
    """Precision and recall."""
    noise_uv = SPIKE_UV / ratio
    url = f"generator://?n_channels=16&noise_uv={noise_uv:.3f}&spike_uv={SPIKE_UV:g}&speed=0"
    recorder = open_recorder(url)
    info = recorder.open(0)
    band, detect = BandPass(), Detect()
    band.open(Start(inputs={"data": info}))
    detect.open(Start(inputs={"data:filtered": band.output_info(Start(inputs={"data": info}))}))
    found, stop = [], 0
    while stop < SECONDS * info.sampling_rate_hz:
        segment = recorder.read(1.0)
        assert segment is not None
        stop = segment.stop
        found += detect.step(band.step(segment))
    truth = recorder.truth(0, stop)
    assert truth is not None
    channel = np.concatenate([each.channel for each in found])
    sample = np.concatenate([each.sample for each in found])
    mine = [_settled(sample[channel == c], stop) for c in range(info.n_channels)]
    true = [_settled(truth.sample[truth.channel == c], stop) for c in range(info.n_channels)]
    return _near(mine, true), _near(true, mine)


def _settled(sample: NDArray[np.int64], stop: int) -> NDArray[np.int64]:
    return np.sort(sample[(sample >= SETTLED) & (sample < stop - 100)])


def _near(wanted: list[NDArray[np.int64]], found: list[NDArray[np.int64]]) -> float:
    n = sum(len(each) for each in wanted)
    near = [
        np.sum(np.abs(w[:, None] - f[None]).min(axis=1) <= TOLERANCE)
        for w, f in zip(wanted, found, strict=True)
        if len(w) and len(f)
    ]
    return float(sum(near) / n) if n else np.nan


if __name__ == "__main__":
    print("| peak / noise SD | precision | recall |\n|---|---|---|")
    for ratio in RATIOS:
        precision, recall = one(ratio)
        print(f"| {ratio:g} | {precision:.3f} | {recall:.3f} |", flush=True)
