"""What phases amount to at an electrode."""

import pytest

from crepe.safety.pulse import (
    charge_nc,
    density_mc_cm2,
    merged,
    place_of,
    total_charge_nc,
    total_us,
)


@pytest.mark.parametrize(
    ("amplitudes", "spans"),
    [
        ((-10.0, 10.0), [(0, 0), (1, 1)]),
        ((-0.5, 0.5, -0.5), [(0, 0), (1, 1), (2, 2)]),  # small currents have a sign, too
        ((0.5, 2.0, 0.5), [(0, 2)]),
        ((-1.0, 0.0, -2.0, 0.0), [(0, 2)]),
        ((0.0, 0.0), []),
    ],
)
def test_consecutive_phases_of_one_sign_act_as_one_with_the_pauses_between(amplitudes, spans):
    assert merged([(amplitude, 200.0) for amplitude in amplitudes]) == spans


def test_charges_are_those_of_the_field():
    """10 uA for 200 us are 2 nC, on a disc of 30 um (7.07e-6 cm2) 0.283 mC/cm2."""
    phases = ((-10.0, 200.0), (10.0, 100.0))
    assert charge_nc(*phases[0]) == -2.0
    assert density_mc_cm2(-2.0, 30.0) == pytest.approx(0.2829, abs=1e-4)
    assert total_charge_nc(phases) == -1.0
    assert total_us(phases) == 300.0


@pytest.mark.parametrize(
    ("phase", "unit", "text"),
    [
        ((-10.0, 200.0), "uA", "phase 0: -10.0 uA x 200 us"),
        ((1.25, 200.0), "uA", "phase 0: 1.25 uA x 200 us"),
        ((-500_000.0, 200.0), "uV", "phase 0: -500 mV x 200 us"),
    ],
)
def test_a_phase_is_named_with_all_digits_of_its_amplitude(phase, unit, text):
    assert place_of((phase,), unit, 0, 0) == text
    assert place_of((phase, phase), unit, 0, 1) == "phases 0 to 1: 400 us"
