"""The judgement of pulse trains before an experiment runs: gate, electrodes, instrument."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from crepe.actors.stimulate import Stimulate
from crepe.electrodes.layouts import channels_of
from crepe.environment.source_place import place_of
from crepe.errors import ConfigError
from crepe.hw.device import open_stimulator
from crepe.hw.fixed_patterns import FixedPatterns
from crepe.hw.instrument import InProcess, Stimulator
from crepe.messages import Stimulus, StreamInfo
from crepe.safety.sub_trains import pulses_per_sub_train, uncuttable


class TrainJudge:
    """The limits of an experiment's stimulators, and what their instruments can play.

    No instrument is contacted.
    """

    def __init__(self, actors: Iterable[Stimulate]) -> None:
        self._stimulators = [(actor, _instrument(actor.device)) for actor in actors]
        self._possible: list[Stimulus] = []

    def refusals(
        self, trains: Iterable[Stimulus], info: StreamInfo, reasons: set[str]
    ) -> Iterator[str]:
        """Yield why trains could never be delivered, each reason once.

        `info` describes the recorded electrodes. `reasons` are those that were given before, and
        receives the new ones.
        """
        for train in trains:
            self._possible.append(train)
            for reason in self._reasons(train, info):
                if reason not in reasons:
                    reasons.add(reason)
                    yield f"{train.meaning}: {reason}" if train.meaning else reason

    def sub_trains(self, actor: Stimulate) -> list[Stimulus]:
        """Return all trains that were judged, as the actor gives them to its instrument."""
        (instrument,) = (i for a, i in self._stimulators if a.device == actor.device)
        longest_s = _longest_s(actor, instrument)
        return [_sub_train(train, longest_s) for train in self._possible]

    def refusals_together(self) -> Iterator[str]:
        """Yield why an instrument cannot hold all trains at once that were judged."""
        for actor, instrument in self._stimulators:
            if isinstance(instrument, FixedPatterns) and (
                reason := instrument.refusal_together(self.sub_trains(actor))
            ):
                yield f"device {actor.device!r}: {reason}"

    def _reasons(self, train: Stimulus, info: StreamInfo) -> Iterator[str]:
        try:
            channels_of(train.electrodes, info.labels, "")
        except ConfigError as error:
            yield str(error).removeprefix(": ")
        for actor, instrument in self._stimulators:
            reason = _gate_refusal(train, actor, _longest_s(actor, instrument))
            # An electrode that the array does not have is named once.
            if reason is None and instrument and set(train.electrodes) <= set(info.labels):
                reason = _instrument_refusal(train, actor, instrument)
            if reason:
                yield f"would be refused: {reason}"


def _longest_s(actor: Stimulate, instrument: Stimulator | None) -> float:
    """Return the longest part of a train that is given to the instrument at once, in seconds."""
    if instrument is None:
        return actor.burst_s
    return instrument.capabilities.longest_at_once_s(actor.burst_s, actor.limits.max_train_s)


def _gate_refusal(train: Stimulus, actor: Stimulate, longest_s: float) -> str | None:
    n, rate_hz = train.n_pulses, train.rate_hz
    refusal = actor.limits.refusal(train.electrodes, train.phases, rate_hz, n, train.unit)
    return refusal or uncuttable(n, rate_hz, longest_s)


def _instrument_refusal(train: Stimulus, actor: Stimulate, instrument: Stimulator) -> str | None:
    try:
        return instrument.refusal(_sub_train(train, _longest_s(actor, instrument)))
    except Exception as error:  # a driver of another package, which must need no connection here
        text = f"{place_of(error)}: {type(error).__name__}: {error}"
        raise ConfigError(f"device {actor.device!r}: refusal before open: {text}") from error


def _sub_train(train: Stimulus, longest_s: float) -> Stimulus:
    n_pulses = pulses_per_sub_train(train.n_pulses, train.rate_hz, longest_s) or 1
    return replace(train, n_pulses=n_pulses)


def _instrument(device: str) -> Stimulator | None:
    """Return the stimulator, not opened; None for `none://`, which refuses every train."""
    return None if device.startswith("none:") else open_stimulator(device, InProcess())
