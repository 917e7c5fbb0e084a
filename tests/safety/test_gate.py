"""The gate, judged by what the simulated electrodes receive and not by what was asked for."""

from functools import cache
from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.stimulate import Stimulate
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.hw.instrument import InProcess
from crepe.hw.meame.wire import MV_PER_DIGIT, TICKS_PER_S
from crepe.messages import Segment, Stimulus, StreamInfo
from crepe.safety.gate import Gate
from crepe.safety.limits import Limits
from crepe.safety.real_time import RealTime
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings

PULSE = ((-10.0, 200.0), (10.0, 200.0))
INFO = StreamInfo(labels=MCS_60_LABELS)  # 10 kHz, segments of 100


@cache  # its culture takes long to make, and is not needed here
def simulator():
    return Lockstep(SimulatorSettings())


class Dish:
    """A stimulator before a simulated DSP, without its culture: the pulses are what is looked at."""

    def __init__(self, **fields):
        lockstep = simulator()
        self._dsp = lockstep.instrument.dsp
        self._at = 0
        self.shots = []
        self.answers = []
        self._actor = Stimulate(device="meame://simulator", **fields)
        self._actor.open(
            ActorContext(
                inputs={"data": INFO, "result:stimuli": INFO},
                open_stimulator=lockstep.open_stimulator,
                open_guard=InProcess,
                monotonic_s=None,
            )
        )
        self.tick(1)

    def tick(self, n):
        for _ in range(n):
            self.shots += [shot for shot in self._dsp.advance(TICKS_PER_S // 100) if shot.phases]
            self._actor.on_position("result:stimuli", self._at)
            segment = Segment(self._at, self._at + 100, None)
            self._at = segment.stop
            self.answers += self._actor.step_from("data", segment)

    def ask(self, phases, unit="uA", rate_hz=20.0, n_pulses=2, number=1):
        at = self._at
        self.answers += self._actor.step_from(
            "result:stimuli",
            Stimulus(at - 1, at, number, at + 500, ("48",), phases, rate_hz, n_pulses, unit=unit),
        )


width = st.integers(1, 60).map(lambda ticks: 20.0 * ticks)
current = st.integers(-500, 500).map(lambda digits: 0.05 * digits)
some = st.lists(st.tuples(current | st.sampled_from([-17.5, 0.0, 17.5]), width), max_size=12)
currents = some | some.map(lambda phases: phases + [(-ua, us) for ua, us in phases])
voltages = st.lists(st.tuples(st.floats(-1.1e6, 1e5) | st.just(0.0), width), max_size=8)


@settings(deadline=None, max_examples=60)
@given(currents, st.integers(1, 5))
@example([(-17.5, 200.0)] * 15 + [(17.5, 200.0)] * 15, 2)
@example([(-17.5, 200.0), (17.5, 200.0)] * 38, 2)
@example([(-10.0, 200.0), (0.0, 40.0), (5.0, 200.0), (5.0, 200.0)], 2)
@example([(-0.05, 20.0), (-17.5, 20.0), (0.05, 20.0), (17.5, 20.0)], 1)  # of one sign twice
def test_current_that_reaches_the_electrodes_is_within_every_limit(phases, n_pulses):
    dish = Dish()
    dish.ask(tuple(phases), n_pulses=n_pulses)
    dish.tick(40)
    assert dish.answers[-1].state in ("delivered", "refused")
    assert len(dish.shots) == (n_pulses if dish.answers[-1].state == "delivered" else 0)
    for shot in dish.shots:
        signs = [int(np.sign(ua)) for ua, _ in shot.phases]
        assert [sign for sign, _ in groupby(filter(None, signs))] == [-1, 1]
        turn = signs.index(1)
        down, up = shot.phases[:turn], shot.phases[turn:]
        charges = [sum(ua * us for ua, us in half) for half in (down, up)]
        assert abs(charges[0]) <= 3500.001
        assert abs(sum(charges)) <= 0.0101 * max(map(abs, charges))
        assert max(abs(ua) for ua, _ in shot.phases) <= 50.001
        for half in (down, up):
            current = [us for ua, us in half if ua]
            assert sum(current) <= 1000


@settings(deadline=None, max_examples=60)
@given(voltages)
@example([(-1e6, 1000.0)] * 15)
@example([(-1e6, 400.0), (0.0, 400.0)] * 3)
def test_voltage_that_reaches_the_electrodes_is_one_short_negative_phase(phases):
    dish = Dish()
    dish.ask(tuple(phases), "uV")
    dish.tick(40)
    assert dish.answers[-1].state in ("delivered", "refused")
    kohm = SimulatorSettings().impedance_kohm
    for shot in dish.shots:
        assert all(-1000 - MV_PER_DIGIT / 2 <= ua * kohm <= 0 for ua, _ in shot.phases)
        assert sum(us for ua, us in shot.phases if ua) <= 1000


@pytest.mark.parametrize("unit", ["uA", "uV"])
def test_a_train_of_either_unit_reaches_its_electrode(unit):
    phases = {"uA": ((-10.0, 200.0), (10.0, 200.0)), "uV": ((-100_000.0, 200.0),)}[unit]
    dish = Dish()
    dish.ask(phases, unit)
    dish.tick(40)
    assert dish.answers[-1].state == "delivered"
    assert [shot.electrodes for shot in dish.shots] == [(MCS_60_LABELS.index("48"),)] * 2


@pytest.mark.parametrize("what", ["age", "pulses"])
def test_a_train_that_has_passed_is_judged_again_at_the_moment_of_firing(what):
    """Time passes otherwise than planned: the samples come too fast, or the train waits."""
    seconds = [0.0]
    time = RealTime(10_000.0, 0, lambda: seconds[0], lambda: round(seconds[0] * 1e9))
    limits = Limits(max_total_rate_hz=1)
    gate = Gate(limits, time, 10_000.0, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)

    def tick(sample, at_s):
        seconds[0] = at_s
        time.tick(Segment(sample - 100, sample, None), is_gap=False)

    def request(number, due_in):
        at = time.clock
        return Stimulus(at - 1, at, number, at + due_in, ("48",), PULSE, 50.0, 1)

    tick(10_000, 1.0)
    first = request(1, 0)
    assert gate.refusal(first, []) is None
    gate.remember(first)
    tick(18_500, 1.85)
    second, announced = request(2, 1500), time.now
    assert gate.refusal(second, []) is None  # a second after the first
    if what == "pulses":
        tick(20_000, 1.86)  # what was held up comes at once
        reason = "all electrodes: 2 pulses in 1 s, limit 1"
    else:
        tick(20_600, 2.06)
        reason = "210 ms old, limit 200 ms"
    assert gate.refusal_now(second, announced) == reason


def test_the_age_is_the_larger_of_samples_and_of_real_time_since_the_announcement():
    seconds = [0.0]
    time = RealTime(10_000.0, 0, lambda: seconds[0], lambda: round(seconds[0] * 1e9))
    gate = Gate(Limits(), time, 10_000.0, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)
    time.tick(Segment(900, 1000, None), is_gap=False)
    stimulus, announced = Stimulus(999, 1000, 1, 1500, ("48",), PULSE, 50.0, 1), time.now
    assert gate.age_ms(stimulus, announced) == 0
    assert gate.left_s(stimulus, announced) == pytest.approx(0.2)
    seconds[0] = 0.15
    time.tick(
        Segment(0, 1000, None, t_ns=150_000_000), is_gap=True
    )  # a mark that makes nothing late
    assert gate.age_ms(stimulus) == 0
    assert gate.age_ms(stimulus, announced) == pytest.approx(150)
    seconds[0] = 0.201
    assert gate.too_old(stimulus, announced) == "201 ms old, limit 200 ms"
    assert gate.left_s(stimulus, announced) == pytest.approx(-0.001)


def test_a_request_may_be_one_sample_ahead_of_the_data_and_no_more():
    time = RealTime(10_000.0, 0, None, lambda: 0)
    gate = Gate(Limits(), time, 10_000.0, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)
    time.tick(Segment(900, 1000, None), is_gap=False)
    reasons = [
        gate.refusal(Stimulus(999, stop, 1, 1500, ("48",), PULSE, 50.0, 1), [])
        for stop in (1000, 1001, 1002)
    ]
    assert reasons == [None, None, "requested at sample 1002, the data have reached 1000"]


def test_a_request_may_be_as_old_as_the_limit_and_no_older():
    time = RealTime(10_000.0, 0, None, lambda: 0)
    gate = Gate(Limits(), time, 10_000.0, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)
    time.tick(Segment(9900, 10_000, None), is_gap=False)
    reasons = [
        gate.refusal(Stimulus(0, stop, 1, 10_000, ("48",), PULSE, 50.0, 1), [])
        for stop in (8000, 7990)
    ]
    assert reasons == [None, "201 ms old, limit 200 ms"]
