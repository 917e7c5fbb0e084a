"""The contract of stimulators, as rules: what needs no train, then trains."""

from dataclasses import replace
from math import inf, isfinite, nan

from crepe.hw.capabilities import StimulatorCapabilities
from crepe.messages import Stimulus
from crepe.testing.bench import (
    MARGIN_S,
    UNSEEN,
    StimulatorBench,
    closed,
    expect_no_pulse,
    expect_unconnected,
    lasts_s,
    opened,
    refuses,
)
from crepe.testing.rule import Rule, adder, expect
from crepe.testing.trains import train_rules

_ANY = Stimulus(9, 10, 1, 10, ("48",), ((-10.0, 200.0), (10.0, 200.0)), 50.0, 5)
"""An ordinary train, for a stimulator that delivers none."""

_OFFLINE: list[Rule[StimulatorBench]] = []
_RULES: list[Rule[StimulatorBench]] = []
_offline_rule, _rule = adder(_OFFLINE), adder(_RULES)


# Without a connection


@_offline_rule("What it promises is stated")
def _states_its_promises(bench: StimulatorBench) -> None:
    with closed(bench) as (stimulator, _):
        promises = stimulator.capabilities
    expect(isinstance(promises, StimulatorCapabilities), f"capabilities: {promises!r}")
    latency = promises.latency
    expect(
        0 <= latency.typical_ms <= latency.worst_ms,
        f"latency: typical {latency.typical_ms:g} ms, worst {latency.worst_ms:g} ms; must rise",
    )
    expect(promises.n_patterns >= 1, f"n_patterns: {promises.n_patterns}, must be at least 1")
    for unit, step in promises.amplitude_steps.items():
        expect(unit in ("uA", "uV"), f"amplitude_steps: {unit!r}, must be uA or uV")
        expect(isfinite(step) and step >= 0, f"amplitude_steps: {step!r} {unit}")
    if bench.train is not None:
        unit = bench.train.unit
        expect(unit in promises.amplitude_steps, f"amplitude_steps: no {unit}, as the train has")


@_offline_rule("A train that would become another one is refused")
def _refuses_what_it_cannot_deliver(bench: StimulatorBench) -> None:
    train = bench.train or _ANY
    (amplitude, width_us), *rest = train.phases
    impossible: dict[str, Stimulus] = {
        "an unknown electrode": replace(train, electrodes=("no label of any array",)),
        "no pulses": replace(train, n_pulses=0),
        "an unknown unit": replace(train, unit="mV"),
    }
    for value in (nan, inf):
        impossible[f"an amplitude of {value}"] = replace(train, phases=((value, width_us), *rest))
        impossible[f"a width of {value} us"] = replace(train, phases=((amplitude, value), *rest))
        impossible[f"a rate of {value} Hz"] = replace(train, rate_hz=value)
    impossible["a width of 0 us"] = replace(train, phases=((amplitude, 0.0), *rest))
    with closed(bench) as (stimulator, _):
        for name, other in impossible.items():
            expect(stimulator.refusal(other), f"refusal: None for {name}")


@_offline_rule("Closing is harmless before opening")
def _closes_unopened(bench: StimulatorBench) -> None:
    with closed(bench) as (stimulator, _):
        stimulator.close()


# With a connection, and no pulse


@_rule("Whether a train is refused needs no connection")
def _refuses_without_a_connection(bench: StimulatorBench) -> None:
    train = bench.train or _ANY
    with closed(bench) as (stimulator, _):
        before = stimulator.refusal(train)
        stimulator.open()
        expect(stimulator.refusal(train) == before, "refusal() differs after open()")
    expect((before is None) == (bench.train is not None), f"refusal: {before!r} of {train}")


@_rule("Opening stops what an earlier program has left")
def _opens_to_rest(bench: StimulatorBench) -> str | None:
    bench.leave_connected()
    with closed(bench) as (stimulator, _):
        stimulator.open()
        expect_unconnected(bench, "after open()")
        bench.begin_run(stimulator)
        reason = stimulator.watch()
        expect(reason is None, f"watch() after open(): {reason}")
    return UNSEEN if bench.train is not None and bench.is_connected() is None else None


@_rule("Closing is harmless when repeated")
def _closes_again(bench: StimulatorBench) -> None:
    with opened(bench) as (stimulator, _):
        for _i in range(3):
            stimulator.close()


@_rule("Stopping is harmless when nothing runs, and when repeated")
def _stops_again(bench: StimulatorBench) -> None:
    with opened(bench) as (stimulator, guard):
        for _i in range(3):
            stimulator.stop()
        expect_unconnected(bench, "after stop()")
        expect(("pulsing", True) not in guard.calls, "stop() tells the guard that pulses may flow")


@_rule("A train that is refused is not prepared")
def _prepares_no_refused_train(bench: StimulatorBench) -> None:
    refused = replace(bench.train or _ANY, electrodes=("no label of any array",))
    with opened(bench) as (stimulator, _):
        refuses(lambda: stimulator.prepare(refused), "prepare() of a refused train")
        expect_unconnected(bench, "after prepare() of a refused train")


@_rule("A train that was not prepared is not started")
def _starts_no_unprepared_train(bench: StimulatorBench) -> None:
    train = bench.train or _ANY
    with opened(bench) as (stimulator, _):
        refuses(lambda: stimulator.start(train), "start() without prepare()")
        bench.let_pass(lasts_s(train) + MARGIN_S)
        expect_no_pulse(bench, "start() without prepare()")


offline_rules: tuple[Rule[StimulatorBench], ...] = tuple(_OFFLINE)
"""Those that open no stimulator, so that they disturb no instrument."""

stimulator_contract: tuple[Rule[StimulatorBench], ...] = (*_OFFLINE, *_RULES, *train_rules)
"""The rules for stimulators. Each is called with a bench that no other rule has used."""
