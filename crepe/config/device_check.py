"""`crepe check --instrument URL`: the contract of a live instrument, as far as that is safe."""

# Decision 75: what is stated and what is tried.

from collections.abc import Iterator, Sequence
from functools import partial
from math import isinf
from typing import Any

from crepe.electrodes.wells import wells_text
from crepe.environment.finding import Finding
from crepe.errors import ConfigError, DeviceError
from crepe.hw.capabilities import Latency, RecorderCapabilities, StimulatorCapabilities
from crepe.hw.device import address, check_url, open_recorder, open_stimulator
from crepe.hw.entry_points import RECORDERS, STIMULATORS, path_of
from crepe.hw.instrument import InProcess, Recorder, Stimulator
from crepe.messages import Stimulus, StreamInfo
from crepe.testing import RecordingGuard, Rule, StimulatorBench, recorder_contract
from crepe.testing.stimulator import offline_rules

_RECORDER, _STIMULATOR = "recorder", "stimulator"
_PULSE = ((-10.0, 200.0), (10.0, 200.0))


def check_device(url: str, **settings: Any) -> Iterator[Finding]:
    """Try the contract of both halves that a device has; stimulate nothing.

    The recorder is opened, and records for a moment, again and again. The stimulator is not
    opened: that would stop what another program does with the instrument. `settings` come on top
    of the URL's, for the recorder. Raises ConfigError if the device has neither half.
    """
    mistakes = {
        half: _mistake(url, is_source=half == _RECORDER) for half in (_RECORDER, _STIMULATOR)
    }
    if all(mistakes.values()):
        raise ConfigError(str(mistakes[_RECORDER]))
    for half, mistake in mistakes.items():
        if mistake and _is_registered(url, half):
            yield Finding(None, f"the {half} is not tried: {mistake}")
    labels: tuple[str, ...] = ()
    if not mistakes[_RECORDER]:
        make = partial(open_recorder, url, **settings)
        try:
            with make().without_session():
                info = _described(make())
                yield Finding(True, _summary(info))
                live = (None, info.is_live)
                rules = [rule for rule in recorder_contract if rule.is_for_live in live]
                yield from _tried(_RECORDER, rules, make)
        except DeviceError as error:
            yield Finding(False, str(error))
            return
        labels = info.labels
        yield from _promises_of_recorder(make().capabilities)
    if not mistakes[_STIMULATOR]:
        yield from _tried(_STIMULATOR, offline_rules, _Unopened(url, labels))
        yield from _promises_of_stimulator(open_stimulator(url, InProcess()).capabilities)


def _mistake(url: str, *, is_source: bool) -> str:
    try:
        check_url(url, is_source=is_source)
    except ConfigError as error:
        return str(error)
    return ""


def _is_registered(url: str, half: str) -> bool:
    """Whether the scheme of a URL has this half, so that only its settings can be wrong."""
    try:
        path_of(address(url).scheme, RECORDERS if half == _RECORDER else STIMULATORS, url)
    except ConfigError:
        return False
    return True


def _described(recorder: Recorder) -> StreamInfo:
    try:
        return recorder.open(0)
    finally:
        recorder.close()


def _tried(half: str, rules: Sequence[Rule[Any]], subject: Any) -> Iterator[Finding]:
    for rule in rules:
        sentence = f"{half}: {rule.sentence}"
        try:
            reason = rule(subject)
        except (AssertionError, DeviceError) as error:
            yield Finding(False, f"{sentence}: {error}")
        else:
            text = f"{sentence}: {reason}" if reason else sentence
            yield Finding(None if reason else True, text)


class _Unopened(StimulatorBench):
    """A stimulator that is never opened."""

    def __init__(self, url: str, labels: tuple[str, ...]) -> None:
        self._url = url
        train = Stimulus(0, 1, 1, 1, labels[:1], _PULSE, 20.0, 5)
        if labels and open_stimulator(url, InProcess()).refusal(train) is None:
            self.train = train

    def open_stimulator(self, guard: RecordingGuard) -> Stimulator:
        return open_stimulator(self._url, guard)


def _summary(info: StreamInfo) -> str:
    n = info.n_channels
    labels = info.labels if n < 4 else (info.labels[0], info.labels[1], "...", info.labels[-1])
    n_known = sum(place is not None for place in info.positions_um)
    scales = sorted(set(info.scale_uv))
    scale = f"{scales[0]:g}" if len(scales) == 1 else f"{scales[0]:g} to {scales[-1]:g}"
    kind = "simulated" if info.is_simulated else "not reported to be simulated"
    wells = "" if info.is_live else wells_text(info.labels)
    return (
        f"{info.source}: {n} channels ({', '.join(labels)}) at {info.sampling_rate_hz:g} Hz, "
        f"{info.dtype}, {scale} uV per count; positions of {n_known} are known; {kind}"
        f"{f'; wells, of which `well=NAME` takes one: {wells}' if wells else ''}"
    )


def _promises_of_recorder(promises: RecorderCapabilities) -> Iterator[Finding]:
    yield from _promised(
        f"sample index {promises.sample_index}, by {promises.clock}",
        f"recorder latency {_latency(promises.latency)}",
        *(f"changes only while stopped: {text}" for text in promises.only_while_stopped),
        *(f"the recorder verifies {text}" for text in promises.verified),
    )
    if promises.before_next_session:
        yield Finding(None, f"before the next session: {promises.before_next_session}")
    yield from (Finding(None, text) for text in promises.not_verified)


def _promises_of_stimulator(promises: StimulatorCapabilities) -> Iterator[Finding]:
    units = (f"{step:g} {unit}" for unit, step in promises.amplitude_steps.items())
    time = "not stated" if promises.time_step_us is None else f"{promises.time_step_us:g} us"
    yield from _promised(
        f"a stop is {promises.stop}, known from: {promises.stop_is_known_from}",
        "a train ends when its program dies"
        if promises.stops_with_client
        else "a train goes on when its program dies, to the end of the sub-train",
        f"stimulator latency {_latency(promises.latency)}; pulses are timed by {promises.clock}",
        f"patterns at a time: {promises.n_patterns}",
        f"steps: {' and '.join(units) or 'none'} in amplitude, {time} in time",
        *(f"changes only while stopped: {text}" for text in promises.only_while_stopped),
        *(f"the stimulator verifies {text}" for text in promises.verified),
    )
    yield from (Finding(None, text) for text in promises.not_verified)


def _promised(*texts: str) -> Iterator[Finding]:
    return (Finding(None, f"promised: {text}") for text in texts)


def _latency(latency: Latency) -> str:
    if isinf(latency.typical_ms):
        return f"not known ({latency.source})"
    worst = "not known" if isinf(latency.worst_ms) else f"{latency.worst_ms:g} ms"
    return f"{latency.typical_ms:g} ms, worst {worst} ({latency.source})"
