"""The rules for stimulators that deliver trains."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from crepe.hw.capabilities import StimulatorCapabilities
from crepe.hw.instrument import Stimulator
from crepe.messages import Stimulus
from crepe.testing.bench import (
    MARGIN_S,
    UNSEEN,
    Pulse,
    StimulatorBench,
    expect_no_pulse,
    expect_unconnected,
    lasts_s,
    opened,
    refuses,
)
from crepe.testing.rule import Rule, adder, expect

_NO_TRAIN = "it delivers no train"
_STOPPED = "EMERGENCY STOP"

_RULES: list[Rule[StimulatorBench]] = []
_rule = adder(_RULES)


@_rule("No pulse leaves at prepare, and the whole train once at start")
def _delivers_a_train_once(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    with opened(bench) as (stimulator, _):
        stimulator.prepare(train)
        bench.let_pass(lasts_s(train) + MARGIN_S)
        expect_no_pulse(bench, "prepare()")
        stimulator.start(train)
        bench.let_pass(3 * lasts_s(train) + MARGIN_S)  # it ends by itself
        pulses = bench.pulses()
        doubts = stimulator.doubts()
        expect(isinstance(doubts, str), f"doubts(): {doubts!r}, must be text")
        steps = stimulator.capabilities
    if pulses is None:
        return UNSEEN
    _expect_train(pulses, train, steps)
    return None


def _expect_train(pulses: Sequence[Pulse], train: Stimulus, steps: StimulatorCapabilities) -> None:
    expect(len(pulses) == train.n_pulses, f"{len(pulses)} pulses, must be {train.n_pulses}")
    step_us = steps.time_step_us or 0.0
    for i, pulse in enumerate(pulses):
        due_s = pulses[0].t_s + i / train.rate_hz
        within_s = step_us * 1e-6 + 1e-6
        expect(
            abs(pulse.t_s - due_s) <= within_s, f"pulse {i} comes {pulse.t_s - due_s:+.6f} s off"
        )
        expect(set(pulse.electrodes) == set(train.electrodes), f"pulse {i} on {pulse.electrodes}")
        expect(len(pulse.phases) == len(train.phases), f"pulse {i}: phases {pulse.phases}")
        for (value, width_us), (due_value, due_us) in zip(pulse.phases, train.phases, strict=True):
            is_near = abs(value - due_value) <= steps.amplitude_steps[train.unit] / 2 + 1e-9
            is_as_long = abs(width_us - due_us) <= step_us / 2 + 1e-9
            expect(is_near and is_as_long, f"pulse {i}: {pulse.phases}, must be {train.phases}")


@_rule("Another train with the same pulses follows without a new set-up")
def _repeats_a_train(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    with opened(bench) as (stimulator, _):
        stimulator.prepare(train)
        for number in (1, 2):
            stimulator.start(replace(train, number=number))
            bench.let_pass(lasts_s(train) + MARGIN_S)
        pulses = bench.pulses()
    if pulses is None:
        return UNSEEN
    expect(len(pulses) == 2 * train.n_pulses, f"{len(pulses)} pulses of 2 x {train.n_pulses}")
    return None


@_rule("A train with other pulses than prepared is not started")
def _starts_no_other_train(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    others = [
        replace(train, n_pulses=train.n_pulses - 1),
        replace(train, rate_hz=train.rate_hz / 2),
    ]
    if len(train.electrodes) > 1:
        others.append(replace(train, electrodes=train.electrodes[:1]))
    with opened(bench) as (stimulator, _):
        stimulator.prepare(train)
        for other in others:
            refuses(lambda other=other: stimulator.start(other), f"start() of {other}")  # type: ignore[misc]  # bound at once
        bench.let_pass(lasts_s(train) + MARGIN_S)
        expect_no_pulse(bench, "start() of another train")
    return None


@_rule("Rest after a train leaves nothing that fires")
def _rests_after_a_train(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    with opened(bench) as (stimulator, _):
        stimulator.prepare(train)
        stimulator.start(train)
        bench.let_pass(lasts_s(train) + MARGIN_S)
        stimulator.rest()
        bench.let_pass(lasts_s(train) + MARGIN_S)
        pulses = bench.pulses()
    if pulses is None:
        return UNSEEN
    expect(len(pulses) == train.n_pulses, f"{len(pulses)} pulses, must be {train.n_pulses}")
    return None


def _end_early(bench: StimulatorBench, train: Stimulus, end: Callable[[Stimulator], None]) -> None:
    """Start a long train, end it, and see that it ends as the instrument promises."""
    with opened(bench) as (stimulator, _):
        is_proved = stimulator.capabilities.stop.is_verified
        stimulator.prepare(train)
        stimulator.start(train)
        bench.let_pass(lasts_s(train) / 5)
        end(stimulator)
        if is_proved:
            expect_unconnected(bench, "after the stop")
        n = len(bench.pulses() or ())
        bench.let_pass(lasts_s(train) + MARGIN_S)
        n_later = len(bench.pulses() or ())
        if bench.pulses() is not None:
            expect(0 < n < train.n_pulses, f"{n} pulses of {train.n_pulses} before the stop")
        if is_proved:
            expect(n_later == n, f"{n_later - n} pulses after a stop that counts as proved")
        expect(n_later <= train.n_pulses, f"{n_later} pulses, the train has {train.n_pulses}")


@_rule("A stop ends the train, and what was prepared")
def _stops_a_train(bench: StimulatorBench) -> str | None:
    if (train := bench.long_train) is None:
        return _NO_TRAIN

    def end(stimulator: Stimulator) -> None:
        stimulator.stop()
        refuses(lambda: stimulator.start(train), "start() after stop()")

    _end_early(bench, train, end)
    return UNSEEN if bench.pulses() is None else None


@_rule("Closing ends the train")
def _closes_a_train(bench: StimulatorBench) -> str | None:
    if (train := bench.long_train) is None:
        return _NO_TRAIN
    _end_early(bench, train, lambda stimulator: stimulator.close())
    return UNSEEN if bench.pulses() is None else None


@_rule("A guard that refuses keeps electrodes unconnected")
def _obeys_its_guard(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    with opened(bench) as (stimulator, guard):
        guard.reason = _STOPPED
        expect(_STOPPED in str(stimulator.watch()), "watch() does not return the guard's refusal")
        text = refuses(lambda: stimulator.prepare(train), "prepare() against the guard")
        expect(_STOPPED in text, f"prepare(): {text!r}, must name the guard's reason")
        expect_unconnected(bench, "prepare() against the guard")
    return UNSEEN if bench.is_connected() is None else None


@_rule("A guard that refuses after the set-up keeps the train from the electrodes")
def _obeys_its_guard_at_the_start(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    with opened(bench) as (stimulator, guard):
        stimulator.prepare(train)
        guard.reason = _STOPPED
        text = refuses(lambda: stimulator.start(train), "start() against the guard")
        expect(_STOPPED in text, f"start(): {text!r}, must name the guard's reason")
        bench.let_pass(lasts_s(train) + MARGIN_S)
        expect_no_pulse(bench, "start() against the guard")
    return UNSEEN if bench.pulses() is None else None


@_rule("The guard learns of pulses before electrodes are connected, and of a proved stop after it")
def _tells_its_guard(bench: StimulatorBench) -> str | None:
    if (train := bench.train) is None:
        return _NO_TRAIN
    calls: list[tuple[bool, bool | None]] = []
    with opened(bench) as (stimulator, guard):
        guard.pulsing = lambda is_pulsing: calls.append((is_pulsing, bench.is_connected()))  # type: ignore[method-assign]
        stimulator.prepare(train)
        stimulator.start(train)
        expect(calls and calls[0][0], "no pulsing(True) before the train")
        expect(not any(connected for _, connected in calls), "connected before pulsing(True)")
        calls.clear()
        stimulator.stop()
        if not stimulator.capabilities.stop.is_verified:
            return "its stop is not proved, so the guard is told when the train would be over"
        expect(calls == [(False, bench.is_connected())], f"stop() tells the guard {calls}")
    return UNSEEN if bench.is_connected() is None else None


train_rules: tuple[Rule[StimulatorBench], ...] = tuple(_RULES)
"""The rules that need a train."""
