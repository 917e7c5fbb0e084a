"""The gate, judged by what the simulated electrodes receive and not by what was asked for."""

from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.stimulate import Stimulate
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.hw.instrument import InProcess
from crepe.hw.meame.wire import MV_PER_DIGIT, TICKS_PER_S
from crepe.messages import Segment, Stimulus, StreamInfo
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings

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
def test_current_that_reaches_the_electrodes_is_within_every_limit(phases, n_pulses):
    dish = Dish()
    dish.ask(tuple(phases), n_pulses=n_pulses)
    dish.tick(40)
    assert dish.answers[-1].state in ("delivered", "refused")
    assert len(dish.shots) == (n_pulses if dish.answers[-1].state == "delivered" else 0)
    for shot in dish.shots:
        (down_ua, down_us), *pause, (up_ua, up_us) = shot.phases
        assert down_ua < 0 < up_ua
        assert all(ua == 0 for ua, _ in pause)
        assert abs(down_ua * down_us) <= 3500.001
        assert abs(down_ua * down_us + up_ua * up_us) <= 0.0101 * abs(down_ua * down_us)
        assert max(abs(down_ua), up_ua) <= 50.001
        assert max(down_us, up_us, sum(us for _, us in pause)) <= 1000


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
