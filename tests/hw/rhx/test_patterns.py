"""Trains as patterns: what would silently become another pulse is refused before it is sent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.errors import ConfigError
from crepe.hw.rhx.patterns import STEPS_UA, patterns_of, refusal
from tests.running_rhx import LONG, PHASES, RATE_HZ, STEP_UA, TRAIN

NAN, INF = float("nan"), float("inf")


def changed(**changes):
    return refusal(replace(TRAIN, **changes), STEP_UA, RATE_HZ)


def test_a_train_of_whole_steps_and_samples_is_a_pattern():
    assert changed() is None
    assert changed(phases=((-10.0, 200.0), (0.0, 100.0), (10.0, 200.0))) is None
    assert changed(n_pulses=1, rate_hz=1000.0) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phases": ((-128.0, 200.0), (128.0, 200.0))}, "limit 127.5 uA: 255 steps"),
        ({"phases": ((-10.2, 200.0), (10.2, 200.0))}, "multiple of its step of 0.5 uA"),
        ({"phases": ((-0.1, 200.0), (0.1, 200.0))}, "multiple of its step"),
        ({"phases": ((-10.0, 200.0), (5.0, 400.0))}, "opposite and of equal size"),
        ({"phases": ((-10.0, 200.0), (10.0, 150.0))}, "opposite and of equal size"),
        ({"phases": ((-10.0, 200.0), (-10.0, 200.0))}, "opposite and of equal size"),
        ({"phases": ((0.0, 200.0), (0.0, 200.0))}, "opposite and of equal size"),
        ({"phases": ((-10.0, 200.0),)}, "1 phases, must be 2"),
        ({"phases": ((-10.0, 200.0), (5.0, 200.0), (10.0, 200.0))}, "3 phases, must be 2"),
        ({"phases": ((-10.0, 75.0), (10.0, 75.0))}, "whole samples of 50 us"),
        ({"phases": ((-10.0, 20.0), (10.0, 20.0))}, "whole samples of 50 us"),
        ({"phases": ((-10.0, 5050.0), (10.0, 5050.0))}, "limit 5000 us"),
        ({"phases": ((NAN, 200.0), (NAN, 200.0))}, "must be finite"),
        ({"phases": ((-10.0, INF), (10.0, INF))}, "must be finite"),
        ({"rate_hz": NAN}, "must be finite"),
        ({"n_pulses": 0}, "0 pulses, must be 1 to 256"),
        ({"n_pulses": 257}, "257 pulses, must be 1 to 256"),
        ({"rate_hz": 0.5}, "must be 1 or more"),
        ({"rate_hz": 0.0}, "must be 1 or more"),
        ({"rate_hz": 1000.0}, "must be more than 1400 us"),
        ({"unit": "uV"}, "must be uA"),
        ({"electrodes": ("47",)}, "no amplifier channel"),
        ({"electrodes": ()}, "no electrode"),
    ],
)
def test_what_rhx_would_take_for_another_pulse_is_refused_by_its_name(changes, reason):
    assert reason in changed(**changes)
    assert changed(**changes).startswith("RHX: ")


@given(
    st.floats(-3000, 3000),
    st.floats(0, 6000),
    st.sampled_from(STEPS_UA),
    st.sampled_from((20_000.0, 25_000.0, 30_000.0)),
    st.tuples(st.integers(-1, 300), st.floats(0.1, 2000)),
)
def test_whatever_is_a_pattern_is_balanced_whole_and_within_the_registers(
    current_ua, width_us, step_ua, rate_hz, pulses
):
    phases = ((current_ua, width_us), (-current_ua, width_us))
    train = replace(TRAIN, phases=phases, n_pulses=pulses[0], rate_hz=pulses[1])
    if refusal(train, step_ua, rate_hz) is not None:
        return
    values = patterns_of([train], step_ua, rate_hz)[0].parameters
    first, second = values["firstphaseamplitudemicroamps"], values["secondphaseamplitudemicroamps"]
    assert first == second
    assert 1 <= round(first / step_ua) <= 255
    assert values["firstphasedurationmicroseconds"] == values["secondphasedurationmicroseconds"]
    assert round(width_us * rate_hz / 1e6) >= 1
    assert 1 <= values["numberofstimpulses"] <= 256


@given(st.integers(1, 255), st.integers(1, 100), st.sampled_from(STEPS_UA))
def test_whole_steps_and_samples_are_patterns_for_every_step(n_steps, n_samples, step_ua):
    current_ua, width_us = n_steps * step_ua, n_samples * 50.0
    train = replace(TRAIN, phases=((-current_ua, width_us), (current_ua, width_us)), rate_hz=20.0)
    assert refusal(train, step_ua, RATE_HZ) is None


def test_each_train_has_a_key_of_its_own_and_equal_trains_share_one():
    patterns = patterns_of([TRAIN, LONG, replace(TRAIN, number=7)], STEP_UA, RATE_HZ)
    assert [(it.key, it.parameters["source"]) for it in patterns] == [
        (1, "KeyPressF1"),
        (2, "KeyPressF2"),
    ]


def test_a_period_is_whole_samples():
    (pattern,) = patterns_of([replace(TRAIN, rate_hz=30.3)], STEP_UA, RATE_HZ)
    assert pattern.parameters["pulsetrainperiodmicroseconds"] == 33_000
    assert pattern.lasts_s == pytest.approx(4 * 0.033 + 0.0004 + 0.001)


def test_a_channel_holds_one_train():
    with pytest.raises(ConfigError, match=r"A-010 is in the trains of 5 .* and of 4"):
        patterns_of([TRAIN, replace(TRAIN, n_pulses=4)], STEP_UA, RATE_HZ)


def test_nine_trains_have_no_keys():
    trains = [replace(TRAIN, electrodes=(f"A-{i:03}",), n_pulses=i + 1) for i in range(9)]
    assert len(patterns_of(trains[:8], STEP_UA, RATE_HZ)) == 8
    with pytest.raises(ConfigError, match="more than 8"):
        patterns_of(trains, STEP_UA, RATE_HZ)


def test_a_pause_is_a_delay_between_the_phases_and_polarity_follows_the_first():
    phases = ((10.0, 200.0), (0.0, 100.0), (-10.0, 200.0))
    (pattern,) = patterns_of([replace(TRAIN, phases=phases)], STEP_UA, RATE_HZ)
    assert pattern.parameters["shape"] == "BiphasicWithInterphaseDelay"
    assert pattern.parameters["interphasedelaymicroseconds"] == 100
    assert pattern.parameters["polarity"] == "PositiveFirst"
    assert PHASES[0][0] < 0
