"""The limits: what is refused says place, finding and limit; nothing looser can be set."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crepe.stimulus import Limits, charge_nc, density_mc_cm2

GOOD = ((-10.0, 200.0), (10.0, 200.0))


def refusal(electrodes=("48",), phases=GOOD, rate_hz=20.0, n_pulses=20, **limits):
    return Limits(**limits).refusal(electrodes, phases, rate_hz, n_pulses)


def test_an_ordinary_train_passes():
    assert refusal() is None
    assert refusal(phases=((-10, 200), (0, 100), (5, 400))) is None


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("phase 0: -20.0 uA x 200 us = -4.0 nC, limit 3.5 nC", {"phases": ((-20, 200), (20, 200))}),
        ("phase 0: -60.0 uA x 20 us, limit 50 uA", {"phases": ((-60, 20), (60, 20))}),
        ("phase 1: 1.0 uA x 2000 us, limit 1000 us", {"phases": ((-2, 1000), (1, 2000))}),
        ("pulse: first phase +2.0 nC, must be negative", {"phases": ((10, 200), (-10, 200))}),
        ("pulse: leaves -1.000 nC, limit 0.020 nC", {"phases": ((-10, 200), (5, 200))}),
        ("pulse: 1 phases, must be balanced, two at least", {"phases": ((-10, 200),)}),
        ("train: 60 pulses per s, limit 50", {"rate_hz": 60.0}),
        ("train: 10.0 s, limit 5 s", {"n_pulses": 200}),
        ("train: 0 pulses, must be finite and at least 1", {"n_pulses": 0}),
        ("train: nan pulses per s, limit 50", {"rate_hz": math.nan}),
        ("phase 0: nan uA x 200 us, limit 50 uA", {"phases": ((math.nan, 200), (1, 200))}),
        ("phase 0: -1.0 uA x nan us, limit 1000 us", {"phases": ((-1, math.nan), (1, 200))}),
        ("electrode 15: is never stimulated", {"electrodes": ("48", "15")}),
        ("electrodes: one is named twice", {"electrodes": ("48", "48")}),
        ("electrodes: none named", {"electrodes": ()}),
        ("electrode 48: is never stimulated", {"forbidden": ("15", "48")}),
        ("phase 0: -10.0 uA x 200 us = -2.0 nC, limit 1 nC", {"max_charge_nc": 1.0}),
        ("phase 0: -10.0 uA x 200 us = 0.28 mC/cm2, limit 0.1 mC/cm2", {"max_density_mc_cm2": 0.1}),
    ],
)  # fmt: skip
def test_what_is_unsafe_is_refused_with_the_place_and_the_limit(expected, changes):
    assert refusal(**changes) == expected


@pytest.mark.parametrize("name", ["max_current_ua", "max_charge_nc", "max_rate_hz", "max_train_s"])
def test_a_limit_may_be_made_tighter_but_not_looser(name):
    default = getattr(Limits(), name)
    assert getattr(Limits(**{name: default / 2}), name) == default / 2
    with pytest.raises(ValidationError, match="may only be made tighter"):
        Limits(**{name: default * 1.01})


def test_the_reference_is_always_forbidden_and_the_contact_never_smaller():
    with pytest.raises(ValidationError, match="must contain the reference"):
        Limits(forbidden=("48",))
    with pytest.raises(ValidationError):
        Limits(electrode_diameter_um=10)


def test_charge_and_density_are_those_of_the_data_sheet():
    assert charge_nc(-20, 200) == -4.0
    assert density_mc_cm2(2.8, 30) == pytest.approx(0.4, rel=0.02)  # Pt, MCS MEA manual 8.3


phase = st.tuples(st.floats(-100, 100), st.floats(0, 2000))


@given(st.lists(phase, max_size=4), st.floats(0, 100), st.integers(-1, 400))
def test_whatever_passes_is_within_every_limit(phases, rate_hz, n_pulses):
    limits = Limits()
    if limits.refusal(("48",), phases, rate_hz, n_pulses) is not None:
        return
    charges = [current * width / 1000 for current, width in phases]
    assert all(abs(current) <= 50 and 0 < width <= 1000 for current, width in phases)
    assert max(map(abs, charges)) <= 3.5
    assert abs(sum(charges)) <= 0.01 * max(map(abs, charges))
    assert next(c for c in charges if c) < 0
    assert 0 < rate_hz <= 50
    assert 1 <= n_pulses <= 5 * rate_hz
