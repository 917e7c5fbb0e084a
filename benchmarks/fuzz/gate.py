"""Requests for stimulation that may be anything, and what electrodes would get of those passed."""

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from benchmarks.fuzz.values import odd
from crepe.actors.actor import ActorContext
from crepe.actors.stimulate import Stimulate
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.hw.instrument import Guard, InProcess, Stimulator
from crepe.hw.meame import wire
from crepe.hw.meame.dsp_setup import compiled
from crepe.hw.meame.stimulator import MeameStimulator, StimulatorSettings
from crepe.messages import Segment, Stimulus, StreamInfo, Unreadable
from crepe.safety.limits import Limits
from crepe.store import codec

_STREAMS = ("a:stimuli", "b:stimuli")
_OPEN = wire.SIDEBAND_STIMULATE  # the switch to the electrodes is closed


class _Electrodes(Stimulator):
    """A stimulator that judges the pattern it would play."""

    def __init__(self, limits: Limits, guard: Guard) -> None:
        self._limits = limits
        self._meame = MeameStimulator(StimulatorSettings(), guard)
        self.n_started = 0

    def open(self) -> None:
        pass

    def refusal(self, stimulus: Stimulus) -> str | None:
        return self._meame.refusal(stimulus)

    def prepare(self, stimulus: Stimulus) -> None:
        pass

    def start(self, stimulus: Stimulus) -> None:
        self.n_started += 1
        judge(stimulus, self._limits)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def judge(stimulus: Stimulus, limits: Limits) -> None:
    """Raise AssertionError if what an electrode gets of a sub-train is not what it may get."""
    dac, sideband = compiled(stimulus)
    per_digit = wire.UA_PER_DIGIT if stimulus.unit == "uA" else wire.MV_PER_DIGIT
    outputs = [(w & 0xFFFF, wire.ticks(w)) for w in dac]
    switches = [(w & 0xFFFF, wire.ticks(w)) for w in sideband]
    values = [value for value, n in outputs for _ in range(n)]
    switch = [value for value, n in switches for _ in range(n)]
    if not set(stimulus.electrodes).isdisjoint({"15"}):
        raise AssertionError(f"the reference: {stimulus}")
    n_pulses, phases = 0, list[list[float]]()  # of the first pulse: amplitude, ticks
    for i, (value, state) in enumerate(zip(values, switch, strict=False)):
        is_open = state & _OPEN == _OPEN
        if not is_open and value != wire.ZERO_DIGIT:
            raise AssertionError(f"an output while the switch is open: {stimulus}")
        if is_open and (i == 0 or switch[i - 1] & _OPEN != _OPEN):
            n_pulses += 1
        if is_open and n_pulses == 1:
            amplitude = (value - wire.ZERO_DIGIT) * per_digit
            if phases and phases[-1][0] == amplitude:
                phases[-1][1] += 1
            else:
                phases.append([amplitude, 1])
    if n_pulses != stimulus.n_pulses or len(values) > 1.02 * wire.TICKS_PER_S:
        raise AssertionError(f"{n_pulses} pulses in {len(values)} ticks: {stimulus}")
    _judge_pulse(phases, stimulus, limits)


def _judge_pulse(phases: list[list[float]], stimulus: Stimulus, limits: Limits) -> None:
    spans = list[list[float]]()  # sign, charge in nC or mV us, us, of phases of one sign
    for amplitude, n_ticks in phases:
        sign = (amplitude > 0) - (amplitude < 0)
        if not sign:
            continue
        if not spans or spans[-1][0] != sign:
            spans.append([sign, 0.0, 0.0])
        spans[-1][1] += amplitude * n_ticks * wire.TICK_US / 1000
        spans[-1][2] += n_ticks * wire.TICK_US
    largest = max((abs(amplitude) for amplitude, _ in phases), default=0.0)
    is_current = stimulus.unit == "uA"
    is_right = largest <= (50.0 if is_current else 1000.3) and all(us <= 1000 for *_, us in spans)
    if is_current:
        charges = [charge for _, charge, _ in spans]
        limit = min(3.5, limits.limit("max_charge_nc")) + 1e-9
        is_right &= [sign for sign, *_ in spans] == [-1, 1] and max(map(abs, charges)) <= limit
        is_right &= abs(sum(charges)) <= 0.01 * max(map(abs, charges)) + 1e-9
    else:
        is_right &= 1 <= len(spans) <= 2 and (limits.material != "TiN" or spans[0][0] < 0)
        is_right &= all(a[0] != b[0] for a, b in pairwise(spans))
    if not is_right:
        raise AssertionError(f"{spans}: {stimulus}")


class Stimuli:
    """Stimulators with several limits, between requests and electrodes."""

    def __init__(self) -> None:
        self._limits = (Limits(), Limits(material="Pt"), Limits(impedance_kohm=50.0))
        self._life = 0
        self._begin(0)

    def _begin(self, i: int) -> None:
        limits, self._at, self._life = self._limits[i % 3], 0, 0
        self._actor = Stimulate(device="fuzz://", limits=limits)
        self._electrodes = _Electrodes(limits, InProcess())
        info = StreamInfo(labels=MCS_60_LABELS)
        self._actor.open(
            ActorContext(
                inputs=dict.fromkeys(("data", *_STREAMS), info),
                monotonic_s=None,
                open_stimulator=lambda *_: self._electrodes,
                open_guard=InProcess,
            )
        )
        self._number = 0
        self._open: set[tuple[str, int]] = set()
        self._tick()

    def _tick(self) -> None:
        for stream in _STREAMS:
            self._actor.on_position(stream, self._at)
        segment = Segment(self._at, self._at + 100, None)  # type: ignore[arg-type]  # not looked at
        self._at += 100
        self._keep(self._actor.step_from("data", segment))

    def _keep(self, answers: Any) -> list[Any]:
        kept = list(answers)
        for answer in kept:
            request = (answer.stream, answer.number)
            if answer.state == "intended":
                if request in self._open:
                    raise AssertionError(f"intended twice: {answer}")
                self._open.add(request)
            elif answer.state != "refused" or "before" not in answer.reason:
                self._open.discard(request)
        return kept

    def __call__(self, r: Random) -> bool:
        self._life += 1
        if self._life > 2000:
            self._end()
            self._begin(r.randrange(3))
        stream, before = r.choice(_STREAMS), self._electrodes.n_started
        answers = self._request(stream, self._stimulus(r), r)
        if not answers or any(answer.state not in ("intended", "refused") for answer in answers):
            raise AssertionError(f"answered by {answers}")
        for _ in range(r.choice((0, 1, 6, 12, 60))):
            self._tick()
        return self._electrodes.n_started > before

    def _request(self, stream: str, stimulus: Stimulus, r: Random) -> list[Any]:
        if r.random() < 0.5:  # over the wire
            try:
                payload = codec.pack([stimulus], 0, 1)
            except (TypeError, ValueError, OverflowError):
                payload = b"\x91\xc0"
            messages, unreadable = codec.read(Stimulus, payload, 0, 1)
            if not messages:
                skipped: Unreadable = unreadable[0]
                return self._keep(self._actor.on_unreadable(stream, skipped))
            (stimulus,) = messages  # type: ignore[assignment]  # a Stimulus
        return self._keep(self._actor.step_from(stream, stimulus))

    def _end(self) -> None:
        self._keep(self._actor.finish())
        if self._open:
            raise AssertionError(f"no final answer: {self._open}")

    def _stimulus(self, r: Random) -> Stimulus:
        self._number += 1
        unit = r.choice(("uA", "uA", "uV"))
        due = self._at + r.choice((-100, 0, 500, 1500, 2000, 2001, 10**12))
        stimulus = Stimulus(
            self._at - 1,
            self._at + r.choice((-2500, -1900, 0, 0, 0, 1, 2)),
            self._number,
            due,
            tuple(r.sample(MCS_60_LABELS, r.randrange(1, 4))),
            self._phases(r, unit),
            r.choice((20.0, 30.3, 40.0, 50.0, 50.0000001, 1.0, r.uniform(0, 60))),
            r.choice((1, 2, 10, 20, 60, 61, 100, 250)),
            "x",
            unit,
        )
        while r.random() < 0.3:
            name = r.choice("start stop number due electrodes phases rate_hz n_pulses unit".split())
            stimulus = replace(stimulus, **{name: odd(r)})
        return stimulus

    @staticmethod
    def _phases(r: Random, unit: str) -> Any:
        width_us = r.choice((20.0, 100.0, 200.0, 260.0, 1000.0, 1020.0, 19.999, r.uniform(0, 1100)))
        current = r.choice((0.05, 5.0, 10.0, 17.5, 35.0, 50.0, 50.05, r.uniform(0, 60)))
        amplitude = current if unit == "uA" else r.choice((1e3, 5e5, 1e6, 1000000.1))
        phases: list[Any] = [(-amplitude, width_us), (amplitude, width_us)]
        if unit == "uV":
            phases = phases[: r.choice((1, 1, 2))]
        for _ in range(r.choice((0, 0, 0, 1, 3))):
            odd_phase = r.choice(((amplitude, width_us), (0.0, 40.0), (odd(r), odd(r)), odd(r)))
            phases.insert(r.randrange(len(phases) + 1), odd_phase)
        return tuple(phases)
