"""The contract of recorders, as rules."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import isfinite
from time import monotonic

import numpy as np

from crepe.hw.capabilities import RecorderCapabilities
from crepe.hw.instrument import EndOfData, Recorder
from crepe.messages import Segment, StreamInfo
from crepe.testing.rule import Rule, adder, expect

Make = Callable[[], Recorder]
"""Returns a new recorder, not open yet, of the same instrument or data each time."""

_N = 5  # segments that a rule reads
_LONGEST_END = 100  # segments within which data must end to be judged
_READ_S = 0.5
_SILENCE_S = 10.0  # a contract is no measurement: a slow machine must pass, too
_AHEAD = 300  # samples

_RULES: list[Rule[Make]] = []
_rule = adder(_RULES)


@contextmanager
def _opened(recorder: Recorder, position: int = 0) -> Iterator[StreamInfo]:
    try:
        yield recorder.open(position)
    finally:
        recorder.close()


def _segments(recorder: Recorder) -> Iterator[Segment]:
    """Yield segments until the end of the data. Raises AssertionError after a long silence."""
    last_s = monotonic()
    while True:
        try:
            segment = recorder.read(_READ_S)
        except EndOfData:
            return
        if segment is not None:
            yield segment
            last_s = monotonic()
        expect(monotonic() - last_s < _SILENCE_S, f"no segment within {_SILENCE_S:g} s of reading")


def _some(recorder: Recorder, n: int = _N) -> list[Segment]:
    segments = list(islice(_segments(recorder), n))
    expect(segments, "the data ended before the first segment")
    return segments


@_rule("What it promises is stated")
def _states_its_promises(make: Make) -> None:
    promises = make().capabilities
    expect(isinstance(promises, RecorderCapabilities), f"capabilities: {promises!r}")
    latency = promises.latency
    expect(
        0 <= latency.typical_ms <= latency.worst_ms,
        f"latency: typical {latency.typical_ms:g} ms, worst {latency.worst_ms:g} ms; must rise",
    )


@_rule("Labels differ, and rate, scale, positions and type describe the channels")
def _describes_its_channels(make: Make) -> None:
    recorder = make()
    with _opened(recorder) as info:
        pass
    n = info.n_channels
    expect(n > 0, "labels: none, must be one for each channel")
    repeated = sorted({label for label in info.labels if info.labels.count(label) > 1})
    expect(not repeated, f"labels: {', '.join(repeated)} name several channels")
    for name in ("ids", "positions_um"):
        length = len(getattr(info, name))
        expect(length in (0, n), f"{name}: {length} of {n} channels, must be none or all")
    places = [place for place in info.positions_um if place is not None]
    expect(np.isfinite(places).all(), "positions_um: not finite; write None where it is unknown")
    expect(len(info.scale_uv) in (1, n), f"scale_uv: {len(info.scale_uv)}, must be 1 or {n}")
    expect(
        all(isfinite(scale) and scale > 0 for scale in info.scale_uv),
        f"scale_uv: {info.scale_uv[:3]}, must be positive microvolts per count",
    )
    rate_hz = info.sampling_rate_hz
    expect(isfinite(rate_hz) and rate_hz > 0, f"sampling_rate_hz: {rate_hz!r}, must be positive")
    expect(np.dtype(info.dtype).kind in "if", f"dtype: {info.dtype!r}, must be a signed number")
    expect(info.source, "source: empty, must name instrument or file")


@_rule("What it expects before opening is what opening gives")
def _expects_what_opening_gives(make: Make) -> str | None:
    recorder = make()
    expected = recorder.expected()
    with _opened(recorder) as info:
        if expected is None:
            expect(info.is_live, "expected() gives None, which only a live instrument may")
            return "only the instrument itself can tell"
        for name in (
            "labels", "ids", "positions_um", "sampling_rate_hz", "scale_uv", "dtype", "is_live",
            "segment_samples", "longest_samples",
        ):  # fmt: skip
            before, now = getattr(expected, name), getattr(info, name)
            expect(before == now, f"{name}: expected() gives {before!r:.80}, open() {now!r:.80}")
    return None


@_rule("Segments begin at the requested sample, and follow each other without overlap")
def _follows_from_the_requested_sample(make: Make) -> None:
    for position in (0, _AHEAD):
        recorder = make()
        with _opened(recorder, position) as info:
            segments = _some(recorder)
        first = segments[0].start
        is_exact = first == position if info.is_live else first >= position
        expect(is_exact, f"open({position}): the first segment starts at {first}")
        _expect_order(segments)


def _expect_order(segments: Sequence[Segment]) -> None:
    stop = segments[0].start
    for segment in segments:
        expect(
            stop <= segment.start < segment.stop,
            f"[{segment.start}, {segment.stop}) follows a segment that ends at {stop}",
        )
        stop = segment.stop


@_rule("Samples have the shape and the type of the description")
def _has_the_described_samples(make: Make) -> None:
    recorder = make()
    with _opened(recorder) as info:
        for segment in _some(recorder):
            n = segment.stop - segment.start
            shape, dtype = segment.samples.shape, segment.samples.dtype
            expect(
                n <= info.longest_samples,
                f"a segment of {n} samples, longest_samples is {info.longest_samples}",
            )
            expect(shape == (info.n_channels, n), f"samples: {shape}, not {(info.n_channels, n)}")
            expect(dtype == np.dtype(info.dtype), f"samples: {dtype}, the description {info.dtype}")


@_rule("A segment keeps its samples when the next are read")
def _keeps_its_samples(make: Make) -> None:
    recorder = make()
    with _opened(recorder):
        segments = _segments(recorder)
        first = next(segments)
        before = first.samples.copy()
        list(islice(segments, _N))
        same = np.array_equal(first.samples, before, equal_nan=before.dtype.kind == "f")
        expect(same, "the samples of a segment changed as others were read: copy the buffer")


@_rule("Segments of a live instrument have the time of their arrival", is_for_live=True)
def _stamps_live_segments(make: Make) -> str | None:
    recorder = make()
    with _opened(recorder) as info:
        if not info.is_live:
            return "it is not live"
        t_ns = [segment.t_ns for segment in _some(recorder)]
    expect(t_ns[0] > 0, "t_ns: 0, must be the wall clock when the last sample arrived")
    expect(t_ns == sorted(t_ns), f"t_ns: goes back in {t_ns}")
    return None


@_rule("It opens again, at another sample, and is the same instrument")
def _opens_again(make: Make) -> None:
    recorder = make()
    with _opened(recorder):
        identity = recorder.identity
        _some(recorder, 1)
    with _opened(recorder, _AHEAD):
        first = _some(recorder, 1)[0]
        expect(recorder.identity == identity, f"identity: {identity!r}, then {recorder.identity!r}")
    expect(first.start >= _AHEAD, f"open({_AHEAD}) after open(0) starts at {first.start}")


@_rule("Closing is harmless before opening, and when repeated")
def _closes_harmlessly(make: Make) -> None:
    recorder = make()
    recorder.close()
    with _opened(recorder):
        _some(recorder, 1)
    recorder.close()


@_rule("True spikes lie in the requested window, or are unknown")
def _knows_true_spikes_or_none(make: Make) -> str | None:
    recorder = make()
    with _opened(recorder) as info:
        segments = _some(recorder)
        start, stop = segments[0].start, segments[-1].stop
        spikes = recorder.truth(start, stop)
    if spikes is None:
        return "it knows no true spikes"
    expect(info.is_simulated, "true spikes of what is not simulated")
    expect((spikes.start, spikes.stop) == (start, stop), f"truth: [{spikes.start}, {spikes.stop})")
    inside = (spikes.sample >= start) & (spikes.sample < stop)
    expect(inside.all(), f"truth: {np.sum(~inside)} spikes outside [{start}, {stop})")
    lengths = {len(spikes.channel), len(spikes.sample), len(spikes.amplitude_uv)}
    expect(len(lengths) == 1, f"truth: arrays of the lengths {sorted(lengths)}")
    return None


@_rule("The end of the data is raised, and raised again", is_for_live=False)
def _ends_and_stays_ended(make: Make) -> str | None:
    recorder = make()
    with _opened(recorder) as info:
        if info.is_live:
            return "a live instrument has no end"
        if len(list(islice(_segments(recorder), _LONGEST_END))) == _LONGEST_END:
            return f"no end within {_LONGEST_END} segments"
        try:
            segment = recorder.read(_READ_S)
        except EndOfData:
            return None
        raise AssertionError(f"read() after EndOfData returns {segment!r:.60}")


@_rule("The samples of an index are the same wherever reading begins", is_for_live=False)
def _repeats_its_samples(make: Make) -> str | None:
    recorder = make()
    with _opened(recorder) as info:
        if info.is_live:
            return "a live instrument gives no sample twice"
        segments = _some(recorder, 2 * _N)
    if segments[0].start == segments[-1].stop - 1:
        return "the data have one sample"
    position = (segments[0].start + segments[-1].stop) // 2
    with _opened(recorder, position):
        again = _some(recorder, 1)[0]
    for segment in segments:
        start, stop = max(segment.start, again.start), min(segment.stop, again.stop)
        if start < stop:
            before = segment.samples[:, start - segment.start : stop - segment.start]
            now = again.samples[:, start - again.start : stop - again.start]
            same = np.array_equal(before, now, equal_nan=now.dtype.kind == "f")
            expect(same, f"samples {start} to {stop} differ when reading begins at {position}")
    return None


recorder_contract: tuple[Rule[Make], ...] = tuple(_RULES)
"""The rules for recorders. Each is called with a function that makes a new recorder."""
