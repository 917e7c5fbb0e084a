"""Made-up messages of each type, with which `crepe check` steps actors of other authors."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from crepe.messages import (
    Activity,
    Court,
    Cutouts,
    Decision,
    Delivered,
    DeliveryState,
    GameState,
    Image,
    Message,
    Segment,
    Spikes,
    Stimulus,
    StreamInfo,
    Transition,
)
from crepe.phases import GamePhase

_EVENT_EVERY = 25  # windows; a stream of events has messages in few of them
_SPIKE_UV = -50.0
_NOISE_COUNTS = 50
_CUTOUT_SAMPLES = 32
_PHASES = ((GamePhase.REST, None), (GamePhase.STIMULATION, None), (GamePhase.OUTCOME, "won"))


def examples(
    kind: type[Message], info: StreamInfo, decisions: Sequence[str]
) -> Iterator[Message | None] | None:
    """Return an endless iterator of the messages of consecutive windows; None for an unknown type.

    Windows have the stream's usual length, and None stands for one without a message. One stream
    has the same messages each time.

    Parameters
    ----------
    info
        Description of the stream: channels, rate, length of windows.
    decisions
        The values, besides None, that decisions and gestures have.
    """
    create = _EXAMPLES.get(kind)
    return create(info, decisions) if create else None


def _windows(info: StreamInfo) -> Iterator[tuple[int, int]]:
    start = 0
    while True:
        yield start, start + info.segment_samples
        start += info.segment_samples


def _segments(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Segment]:
    del decisions
    rng = np.random.default_rng(0)
    shape = (info.n_channels, info.segment_samples)
    for start, stop in _windows(info):
        yield Segment(start, stop, rng.normal(0, _NOISE_COUNTS, shape).astype(info.dtype))


def _spikes(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Spikes]:
    """Yield bursts on all channels, single spikes, and silence, in turn."""
    del decisions
    rng = np.random.default_rng(0)
    for i, (start, stop) in enumerate(_windows(info)):
        n = (5 * info.n_channels, 3, 0)[i % 3]
        channel = rng.integers(0, max(1, info.n_channels), n, dtype=np.int32)
        sample = np.sort(rng.integers(start, stop, n))
        yield Spikes(start, stop, channel, sample, np.full(n, _SPIKE_UV, np.float32))


def _cutouts(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Cutouts]:
    for spikes in _spikes(info, decisions):
        waveform = np.zeros((len(spikes.sample), _CUTOUT_SAMPLES), np.float32)
        yield Cutouts(spikes.start, spikes.stop, spikes.channel, spikes.sample, waveform)


def _activity(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Activity]:
    del decisions
    for start, stop in _windows(info):
        rate, cv, fano = np.ones((3, info.n_channels), np.float32)
        yield Activity(start, stop, rate, cv, fano, np.zeros(info.n_channels, np.int32))


def _decisions(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Decision]:
    values = cycle([*decisions, None])
    value = next(values)
    for i, (start, stop) in enumerate(_windows(info)):
        if i % _EVENT_EVERY == 0:  # a decoder keeps its answer for a while
            value = next(values)
        yield Decision(start, stop, value, dict.fromkeys(decisions, 0.5))


def _events(info: StreamInfo, messages: Iterator[dict[str, Any]], kind: Any) -> Iterator[Any]:
    for i, (start, stop) in enumerate(_windows(info)):
        yield kind(start, stop, **next(messages)) if i % _EVENT_EVERY == 0 else None


def _states(info: StreamInfo, decisions: Sequence[str]) -> Iterator[GameState | None]:
    def fields() -> Iterator[dict[str, Any]]:
        for i, gesture in enumerate(cycle(decisions or [None])):
            for phase, outcome in _PHASES:
                phases = {str(phase): _EVENT_EVERY * info.segment_samples * i}
                yield {
                    "trial": i + 1, "phase": phase, "gesture": gesture, "outcome": outcome,
                    "answer": gesture if outcome else None, "phases": phases,
                }  # fmt: skip

    return _events(info, fields(), GameState)


def _stimuli(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Stimulus | None]:
    del decisions
    electrodes, phases = info.labels[:1], ((-1.0, 200.0), (1.0, 200.0))
    fields = (
        {"number": number, "due": 0, "electrodes": electrodes, "phases": phases, "rate_hz": 20.0,
         "n_pulses": 1} for number in range(1, 1_000_000)
    )  # fmt: skip
    return _events(info, fields, Stimulus)


def _delivered(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Delivered | None]:
    del decisions
    fields = ({"number": n, "state": DeliveryState.DELIVERED} for n in range(1, 1_000_000))
    return _events(info, fields, Delivered)


def _court(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Court | None]:
    del decisions
    fields = cycle(
        {"ball_x": place, "ball_y": place, "paddle_y": 0.5, "paddle_size": 0.3, "is_in_play": True}
        for place in (0.2, 0.5, 0.8)
    )
    return _events(info, fields, Court)


def _images(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Image | None]:
    del decisions
    pixels = np.zeros((2, 3, 3), np.uint8)
    return _events(info, cycle([{"pixels": pixels}, {"pixels": pixels[:0]}]), Image)


def _transitions(info: StreamInfo, decisions: Sequence[str]) -> Iterator[Transition | None]:
    fields = (
        {"trial": 1, "step": i, "action": action, "reward": 1.0, "observation": np.zeros(4)}
        for i, action in enumerate(cycle(decisions or ("",)))
    )
    return _events(info, fields, Transition)


_EXAMPLES: dict[type[Message], Any] = {
    Segment: _segments,
    Spikes: _spikes,
    Cutouts: _cutouts,
    Activity: _activity,
    Decision: _decisions,
    GameState: _states,
    Stimulus: _stimuli,
    Delivered: _delivered,
    Court: _court,
    Image: _images,
    Transition: _transitions,
}
