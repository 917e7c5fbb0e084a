"""What the simulator says that its electrodes received; other tests of safety stand on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.hw.meame import wire
from crepe.hw.meame.registers import Register
from crepe.simulator.meame.dsp import Dsp
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings

ELECTRODES = (1, 4)
AGAIN = 1 << 28 | 1  # a loop of count 0, over the vector before it
CLOSED = [wire.vector(wire.SIDEBAND_STIMULATE, 1000), AGAIN]
DIRECT = [wire.vector(wire.ZERO_DIGIT - 200, 1000), AGAIN]  # -10 uA for ever


def playing(dac, sideband, mode=wire.MODE_AUTO):
    """A DSP on whose electrodes group 0 has just begun to play."""
    dsp = Dsp(impedance_kohm=30.0)
    dsp.write(Register.DAC_MODE, 0)
    for memory, pattern in enumerate((dac, sideband)):
        for word in pattern:
            dsp.write(Register.MEMORY_APPEND + 4 * memory, word)
    dsp.write(Register.HW_ENABLE, sum(1 << i for i in ELECTRODES))
    dsp.write(Register.HW_DAC_SELECT, wire.pairs(ELECTRODES, 1)[0])
    dsp.write(Register.HW_MODE, wire.pairs(ELECTRODES, mode)[0])
    dsp.write(Register.TRIGGER_CTRL, 1)
    dsp.write(Register.MANUAL_TRIGGER, 1)
    return dsp


def train(n_pulses):
    return wire.compile_train([(-10.0, 200.0), (10.0, 200.0)], "uA", 20.0, n_pulses)


def test_a_current_that_never_ends_is_told_while_it_flows():
    dsp = playing(DIRECT, CLOSED)
    dsp.run_until(10)
    assert dsp.received() == dict.fromkeys(ELECTRODES, (1, 0, 9))
    (begun,) = dsp.pulses(0)
    assert begun.phases == ((pytest.approx(-10), 200),)
    dsp.run_until(2500)
    assert dsp.received() == dict.fromkeys(ELECTRODES, (3, 0, 2499))
    assert [(shot.tick, shot.phases[0][1]) for shot in dsp.take()] == [(0, 20000), (1000, 20000)]


def test_a_current_that_never_ends_reaches_the_culture():
    meame = SimulatedMeame(SimulatorSettings())
    meame.dsp = playing(DIRECT, CLOSED)
    counts = meame.advance(1000)
    assert np.abs(counts[1]).max() * meame.settings.scale_uv > 1000


@given(st.lists(st.integers(0, 700), max_size=12))
def test_an_endless_current_is_told_in_the_same_pieces_however_time_is_cut(pieces):
    whole, cut = playing(DIRECT, CLOSED), playing(DIRECT, CLOSED)
    for n in pieces:
        cut.run_until(cut.now + n)
    whole.run_until(sum(pieces))
    assert cut.take() == whole.take()
    assert cut.pulses(0) == whole.pulses(0)


def test_who_asks_from_the_last_answers_now_on_hears_of_each_pulse_once():
    dsp, ticks, after = playing(*train(5)), [], 0
    while dsp.now < 200_000:
        dsp.run_until(dsp.now + 7)
        ticks += [shot.tick for shot in dsp.pulses(after)]
        after = dsp.now
    assert ticks == [shot.tick for shot in dsp.shots]
    assert len(ticks) == 5


def test_the_last_tick_is_that_of_the_last_current():
    dsp = playing(*train(1))
    dsp.run_until(1000)
    assert dsp.received()[1] == (1, 0, 19)


def test_pulses_are_counted_past_those_that_are_kept(monkeypatch):
    monkeypatch.setattr("crepe.simulator.meame.delivered_pulses._KEPT_SHOTS", 3)
    dsp = playing(*train(8))
    dsp.run_until(200_000)
    assert len(dsp.shots) == 3
    assert dsp.received()[1][:2] == (8, 0)


def test_a_restart_of_the_firmware_cuts_a_pulse_and_does_not_forget_it():
    dsp = playing(*train(5))
    dsp.run_until(13)
    dsp.boot()
    dsp.run_until(200_000)
    (shot,) = dsp.shots
    assert shot.phases == ((pytest.approx(-10), 200), (pytest.approx(10), 60))
    assert dsp.received()[4] == (1, 0, 12)


@pytest.mark.parametrize(
    ("memory", "mode", "goes_on"),
    [
        (0, wire.MODE_AUTO, False),
        (1, wire.MODE_AUTO, False),  # no sideband, no closed switch
        (0, 0, False),
        (1, 0, True),  # manual: the electrodes are connected whatever the sideband says
    ],
)
def test_a_memory_that_is_cleared_while_it_plays_has_ended(memory, mode, goes_on):
    dsp = playing(*train(5), mode=mode)
    dsp.run_until(13)
    dsp.write(Register.MEMORY_CLEAR + 0x20 * memory, 0)
    dsp.run_until(200_000)
    assert len(dsp.shots) == (5 if goes_on else 1)
    assert dsp.shots[0].phases[1][1] == (200 if goes_on else 60)


def test_clearing_the_memory_of_another_group_changes_nothing():
    dsp = playing(*train(5))
    dsp.write(Register.MEMORY_CLEAR + 0x20 * 2, 0)
    dsp.run_until(200_000)
    assert len(dsp.shots) == 5


def test_what_was_stimulated_before_the_start_is_not_in_the_first_samples():
    meame = SimulatedMeame(SimulatorSettings())
    meame.connect(10_000)
    meame.dsp = playing(*train(40))
    meame.dsp.run_until(1_000_000)
    assert len(meame.dsp.shots) == 40
    meame.start()
    assert meame.dsp.take() == []
    untouched = SimulatedMeame(SimulatorSettings())
    untouched.connect(10_000)
    np.testing.assert_array_equal(meame.advance(100), untouched.advance(100))


def test_what_nobody_takes_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr("crepe.simulator.meame.delivered_pulses._KEPT_SHOTS", 3)
    dsp = playing(*train(8))
    dsp.run_until(200_000)
    assert len(dsp.take()) == 3
