"""The effect of stimulus artefacts on detection, without a remover and behind Blank and Salpa.

Run on its own (`python -m benchmarks.artefacts`); prints the tables of
docs/explanations/statistics.md. The signal
is the generator's: 16 channels, spikes of 60 uV at 10 Hz in white noise of 5 uV, and a pulse every
half second. Its artefact is different on each channel, 2 to 20 mV, cut off at 5 mV; it decays with
a time constant of 1 ms, but for a tenth, which takes 15 ms.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crepe.actors.actor import Actor, ActorContext
from crepe.actors.blank import Blank
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.actors.salpa import Salpa
from crepe.hw.device import open_recorder
from crepe.messages import Segment, Spikes, StreamInfo

N_CHANNELS, SECONDS, SEGMENT = 16, 120, 100
PULSE, RAIL_UV, TOLERANCE = 5000, 5000.0, 10  # samples, uV, samples
AFTER_MS = ((0, 5), (5, 10), (10, 20), (20, 50), (50, 400))
WAYS: dict[str, tuple[Actor[Segment, Segment], ...]] = {
    "neither": (),
    "`Blank`": (Blank(),),
    "`Blank`, 20 ms": (Blank(blank_ms=20.0),),
    "`Salpa`": (Salpa(saturation_uv=RAIL_UV),),
}


def recording(n_channels: int = N_CHANNELS) -> tuple[StreamInfo, list[Segment], Spikes]:
    """Return the signal with its artefacts, and its spikes."""
    url = f"generator://?n_channels={n_channels}&spike_rate_hz=10&segment_samples={SEGMENT}&speed=0"
    recorder = open_recorder(url)
    info = recorder.open(0)
    heights_uv = np.geomspace(2000, 20_000, n_channels) * np.where(np.arange(n_channels) % 2, 1, -1)
    segments: list[Segment] = []
    while not segments or segments[-1].stop < SECONDS * info.sampling_rate_hz:
        segment = recorder.read(1.0)
        assert segment is not None
        since_ms = (np.arange(segment.start, segment.stop) % PULSE) * 1000 / info.sampling_rate_hz
        shape = 0.9 * np.exp(-since_ms / 1.0) + 0.1 * np.exp(-since_ms / 15.0)
        uv = np.clip(
            segment.samples * info.scale_uv[0] + heights_uv[:, None] * shape, -RAIL_UV, RAIL_UV
        )
        counts = np.rint(uv / info.scale_uv[0]).astype(np.int32)
        segments.append(replace(segment, samples=counts))
    truth = recorder.truth(0, segments[-1].stop)
    assert truth is not None
    return info, segments, truth


def through(
    actor: Actor[Segment, Segment], info: StreamInfo, segments: Iterable[Segment]
) -> tuple[StreamInfo, list[Segment], NDArray[np.float64]]:
    """Return the actor's output for the segments, and the time of each step in ms."""
    start = ActorContext(inputs={"data": info})
    actor.open(start)
    outputs: list[Segment] = []
    took_ms = []
    for segment in segments:
        since = time.perf_counter()
        output = actor.step(segment)
        outputs += [output] if isinstance(output, Segment) else list(output)  # type: ignore[arg-type]
        took_ms.append((time.perf_counter() - since) * 1000)
    return actor.output_info(start), outputs, np.array(took_ms)


def detected(info: StreamInfo, segments: Sequence[Segment]) -> list[NDArray[np.int64]]:
    """Return the sample indices of the spikes of each channel."""
    detect = Detect()
    detect.open(ActorContext(inputs={"data:filtered": info}))
    spikes = [message for segment in segments for message in detect.step(segment)]
    channel = np.concatenate([each.channel for each in spikes])
    sample = np.concatenate([each.sample for each in spikes])
    return [np.sort(sample[channel == c]) for c in range(info.n_channels)]


def main() -> None:
    info, segments, truth = recording()
    true = [truth.sample[truth.channel == c] for c in range(N_CHANNELS)]
    spans = " | ".join(f"{a} to {b} ms" for a, b in AFTER_MS)
    print(f"| before detection | wrong crossings per pulse and channel | found: {spans} |")
    print("|---" * (2 + len(AFTER_MS)) + "|")
    for name, actors in WAYS.items():
        about, cleaned = info, segments
        for actor in (*actors, BandPass()):
            about, cleaned, _ = through(actor, about, cleaned)
        ours = detected(about, cleaned)
        n_wrong, n_hits, n_true = 0, np.zeros(len(AFTER_MS)), np.zeros(len(AFTER_MS))
        for w, f in zip(true, ours, strict=True):
            is_in = (w >= 2 * PULSE) & (w < segments[-1].stop - 1000)
            off = np.abs(w[:, None] - np.append(f, -PULSE)[None])  # one that is near to none
            n_wrong += int((off[:, :-1].min(axis=0) > TOLERANCE).sum())
            for i, (a, b) in enumerate(AFTER_MS):
                in_window = is_in & (w % PULSE >= 10 * a) & (w % PULSE < 10 * b)
                n_true[i] += in_window.sum()
                n_hits[i] += (off[in_window].min(axis=1) <= TOLERANCE).sum()
        n_pulses = segments[-1].stop // PULSE * N_CHANNELS
        cells = " | ".join(f"{part:.3f}" for part in n_hits / n_true)
        print(f"| {name} | {n_wrong / n_pulses:.3f} | {cells} |", flush=True)
    print()
    print(
        "| 60 channels, 100 samples | half of the steps, ms | 99 % | longest |\n|---|---|---|---|"
    )
    info, segments, _ = recording(60)
    for actor in (Blank(), Salpa(saturation_uv=RAIL_UV), BandPass()):
        _, cleaned, took_ms = through(actor, info, segments[:2000])
        _row(type(actor).__name__, took_ms)
    _row("Detect", through(Detect(), info, cleaned)[2])  # type: ignore[arg-type]


def _row(name: str, took_ms: NDArray[np.float64]) -> None:
    half, most, longest = np.quantile(took_ms[200:], (0.5, 0.99, 1.0))
    print(f"| `{name}` | {half:.2f} | {most:.2f} | {longest:.1f} |")


if __name__ == "__main__":
    main()
