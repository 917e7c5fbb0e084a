"""The limits: what is refused says place, finding and limit; nothing looser can be set."""

import math
import re
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from crepe.safety.limits import Limits
from crepe.safety.pulse import charge_nc, density_mc_cm2

GOOD = ((-10.0, 200.0), (10.0, 200.0))


def refusal(electrodes=("48",), phases=GOOD, rate_hz=20.0, n_pulses=20, unit="uA", **limits):
    return Limits(**limits).refusal(electrodes, phases, rate_hz, n_pulses, unit)


def test_an_ordinary_train_passes():
    assert refusal() is None
    assert refusal(phases=((-10, 200), (0, 100), (5, 400))) is None
    assert refusal(phases=((-10, 100), (0, 20), (-5, 100), (0, 100), (5, 300), (0, 40))) is None


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("phase 0: -20.0 uA x 200 us = -4.0 nC, limit 3.5 nC", {"phases": ((-20, 200), (20, 200))}),
        ("phase 0: -60.0 uA x 20 us, limit 50 uA", {"phases": ((-60, 20), (60, 20))}),
        ("phase 1: 1.0 uA x 2000 us, limit 1000 us", {"phases": ((-2, 1000), (1, 2000))}),
        ("pulse: first phase +2.0 nC, must be negative", {"phases": ((10, 200), (-10, 200))}),
        ("pulse: leaves -1.000 nC, limit 0.020 nC", {"phases": ((-10, 200), (5, 200))}),
        ("pulse: 1 phases, must be 2, the second to balance the first", {"phases": ((-10, 200),)}),
        ("phases 0 to 14: 3000 us, limit 1000 us", {"phases": ((-17.5, 200),) * 15 + ((17.5, 200),) * 15}),
        ("phases 0 to 1: 400 us = -7.0 nC, limit 3.5 nC", {"phases": ((-17.5, 200),) * 2 + ((17.5, 200),) * 2}),
        ("phases 0 to 2: 420 us = -7.0 nC, limit 3.5 nC", {"phases": ((-17.5, 200), (0, 20), (-17.5, 200), (17.5, 400))}),
        ("phases 0 to 1: 400 us = -2.0 nC = 0.28 mC/cm2, limit 0.2 mC/cm2", {"phases": ((-5, 200), (-5, 200), (5, 400)), "material": "Pt"}),
        ("pulse: 76 phases, must be 2, the second to balance the first", {"phases": ((-17.5, 200), (17.5, 200)) * 38}),
        ("pulse: 0 phases, must be 2, the second to balance the first", {"phases": ((0, 200),) * 3}),
        ("pulse: a pause of 1200 us between its phases, limit 1000 us", {"phases": ((-10, 200), (0, 600), (0, 600), (10, 200))}),
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
        ("phase 0: -10.0 uA x 200 us = -2.0 nC = 0.28 mC/cm2, limit 0.1 mC/cm2", {"max_density_mc_cm2": 0.1}),
        ("phase 0: -10.0 uA x 200 us = -2.0 nC = 2.55 mC/cm2, limit 0.5 mC/cm2", {"electrode_diameter_um": 10}),
        ("pulse: unit 'mV', must be uA or uV", {"unit": "mV"}),
        ("phase 0: -1e-05 uA x 200 us, must be 0 or 0.001 uA at least", {"phases": ((-1e-5, 200), (1e-5, 200))}),
        ("phase 1: 1e-05 uA x 200 us, must be 0 or 0.001 uA at least", {"phases": ((-10, 200), (1e-5, 200))}),
        ("phase 0: -0.001 mV x 200 us, must be 0 or 0.01 mV at least", {"phases": ((-1, 200),), "unit": "uV"}),
        ("phase 0: -10.0 uA x 0.0002 us, must be 1 us at least", {"phases": ((-10, 0.0002), (10, 0.0002))}),
        ("phase 0: -10.0 uA x 0 us, must be 1 us at least", {"phases": ((-10, 0), (10, 200))}),
    ],
)  # fmt: skip
def test_what_is_unsafe_is_refused_with_the_place_and_the_limit(expected, changes):
    assert refusal(**changes) == expected


REST = ((0, 1000),) * 19  # after a pulse


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ({"phases": ((-50, 70), (50, 70))}, {"phases": ((-50.05, 20), (50.05, 20))}),
        ({"phases": ((-1, 1000), (1, 1000))}, {"phases": ((-1, 1001), (1, 1001))}),
        ({"phases": ((-2, 500), (-2, 500), (4, 500))}, {"phases": ((-2, 501), (-2, 500), (4, 500.5))}),
        ({"phases": ((-10, 200), (0, 1000), (10, 200))}, {"phases": ((-10, 200), (0, 999), (0, 2), (10, 200))}),
        ({"phases": ((-0.001, 200), (0.001, 200))}, {"phases": ((-0.0009, 200), (0.0009, 200))}),
        ({"phases": ((-10, 1), (10, 1))}, {"phases": ((-10, 0.9), (10, 0.9))}),
        ({"phases": ((-10, 200),), "unit": "uV"}, {"phases": ((-9.9, 200),), "unit": "uV"}),
        ({"phases": ((-1e6, 200),), "unit": "uV"}, {"phases": ((-1.001e6, 200),), "unit": "uV"}),
        ({"phases": ((-1e5, 200), (1e5, 200)), "unit": "uV", "material": "Pt"}, {"phases": ((-1e5, 200), (1e5, 200)) * 2, "unit": "uV", "material": "Pt"}),
        ({"max_charge_nc": 2.0}, {"max_charge_nc": 1.999}),
        ({"max_density_mc_cm2": density_mc_cm2(2.0, 30.0)}, {"max_density_mc_cm2": 0.999 * density_mc_cm2(2.0, 30.0)}),
        ({"phases": ((-10, 200), (9.921875, 200)), "max_net_charge": 1 / 128}, {"phases": ((-10, 200), (9.92, 200)), "max_net_charge": 1 / 128}),
        ({"rate_hz": 50.0, "n_pulses": 250}, {"rate_hz": 50.0, "n_pulses": 251}),
        ({"rate_hz": 50.0}, {"rate_hz": 50.001}),
        ({"n_pulses": 1}, {"n_pulses": 0}),
        ({"rate_hz": 0.5, "n_pulses": 1}, {"rate_hz": 0.0, "n_pulses": 1}),
        ({"phases": (*GOOD, *REST, (0, 599)), "rate_hz": 50.0}, {"phases": (*GOOD, *REST, (0, 600)), "rate_hz": 50.0}),
    ],
)  # fmt: skip
def test_each_limit_may_be_reached_and_not_exceeded(inside, outside):
    assert refusal(**inside) is None
    assert refusal(**outside) is not None


@pytest.mark.parametrize("phases", [((-0.5, 200), (0.5, 200)), ((-1, 200), (0.5, 200), (0.5, 200))])
def test_small_phases_have_a_sign_too(phases):
    assert refusal(phases=phases) is None


def test_a_voltage_pulse_has_no_third_phase():
    three = ((-1e5, 200), (1e5, 200), (-1e5, 200))
    assert refusal(phases=three, unit="uV", material="Pt") == "pulse: 3 phases, must be 1 or 2"


def test_the_charge_of_a_voltage_pulse_is_that_of_ohm():
    assert Limits(impedance_kohm=10.0).charge_in_doubt(((-1e6, 1000.0),), "uV") == (
        "charge -100.00 nC, computed from 10 kohm"
    )


@pytest.mark.parametrize("name", [n for n in Limits.model_fields if n[:4] == "max_"])
def test_each_limit_may_be_below_one(name):
    value = min(0.005, getattr(Limits(), name))
    assert Limits(**{name: value}).limit(name) == value


def test_pulses_must_not_run_into_each_other():
    assert refusal(phases=(*GOOD, *REST, (0, 600)), rate_hz=50.0) == (
        "train: pulses of 20000 us at 50 Hz run into each other"
    )


@pytest.mark.parametrize("name", ["max_current_ua", "max_charge_nc", "max_rate_hz", "max_train_s"])
def test_a_limit_may_be_made_tighter_but_not_looser(name):
    default = getattr(Limits(), name)
    assert getattr(Limits(**{name: default / 2}), name) == default / 2
    with pytest.raises(ValidationError, match="may only be made tighter"):
        Limits(**{name: default * 1.01})


def test_the_reference_of_a_60mea_is_forbidden_unless_another_array_has_that_label():
    pulse = ((-10.0, 200.0), (10.0, 200.0))
    assert "never stimulated" in str(Limits().refusal(("15",), pulse, 20.0, 5))
    assert Limits(forbidden=("REF",)).refusal(("15",), pulse, 20.0, 5) is None


@pytest.mark.parametrize("diameter_um", [0.0, -30.0, math.nan, math.inf])
def test_an_electrode_has_a_size(diameter_um):
    with pytest.raises(ValidationError):
        Limits(electrode_diameter_um=diameter_um)


# Limits that are widened

WHY = "protocol 12 of the ethics committee"


def test_a_named_limit_is_widened_with_a_reason_and_no_other():
    wider = {"max_rate_hz": {"value": 60.0, "reason": WHY}}
    assert refusal(rate_hz=60.0, override=wider) is None
    assert refusal(rate_hz=61.0, override=wider) == "train: 61 pulses per s, limit 60"
    assert refusal(phases=((-20, 200), (20, 200)), override=wider).endswith("limit 3.5 nC")
    assert Limits(override=wider).override["max_rate_hz"].reason == WHY


def test_charge_and_density_are_widened_one_by_one():
    most = {"max_charge_nc": {"value": 8.0, "reason": WHY}}
    area = {"max_density_mc_cm2": {"value": 1.2, "reason": WHY}}
    phases = ((-20, 200), (20, 200))
    assert refusal(phases=phases, override=most).endswith("mC/cm2, limit 0.5 mC/cm2")
    assert refusal(phases=phases, override=area).endswith("nC, limit 3.5 nC")
    assert refusal(phases=phases, override=most | area) is None
    assert refusal(phases=phases, override=most | area, material="Pt") is None


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"max_rate_hz": {"value": 60.0}}, "reason"),
        ({"max_rate_hz": {"value": 60.0, "reason": "because"}}, "at least 10"),
        ({"max_rate_hz": {"value": 60.0, "reason": " " * 20}}, "at least 10"),
        ({"max_rate_hz": {"value": math.inf, "reason": WHY}}, "finite"),
        ({"max_rate_hz": {"value": -1.0, "reason": WHY}}, "greater than 0"),
        ({"max_rate": {"value": 60.0, "reason": WHY}}, "'max_rate' is no limit, those are max_c"),
        ({"forbidden": {"value": 60.0, "reason": WHY}}, "'forbidden' is no limit"),
    ],
)
def test_a_limit_is_not_widened_without_a_number_a_name_and_a_reason(override, expected):
    with pytest.raises(ValidationError, match=expected):
        Limits(override=override)


def test_a_limit_is_set_in_one_place():
    with pytest.raises(ValidationError, match="max_rate_hz: is set twice"):
        Limits(max_rate_hz=40.0, override={"max_rate_hz": {"value": 60.0, "reason": WHY}})


# Voltage pulses


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (None, {"phases": ((-500_000, 200),)}),
        (None, {"phases": ((-500_000, 200), (0, 400))}),
        (None, {"phases": ((-500_000, 200), (500_000, 200)), "material": "Pt"}),
        ("phase 0: -1100 mV x 200 us, limit 1000 mV", {"phases": ((-1.1e6, 200),)}),
        ("phase 0: nan mV x 200 us, limit 1000 mV", {"phases": ((math.nan, 200),)}),
        ("phase 0: -500 mV x 1200 us, limit 1000 us", {"phases": ((-500_000, 1200),)}),
        ("phase 1: 500 mV x 200 us: TiN must not be charged positively", {"phases": ((-500_000, 200), (500_000, 200))}),
        ("phases 0 to 14: 15000 us, limit 1000 us", {"phases": ((-1e6, 1000),) * 15}),
        ("phases 0 to 4: 2000 us, limit 1000 us", {"phases": ((-1e6, 400), (0, 400)) * 3}),
        ("pulse: 4 phases, must be 1 or 2", {"phases": ((-1e5, 100), (1e5, 100)) * 2, "material": "Pt"}),
        ("pulse: 0 phases, must be 1 or 2", {"phases": ((0, 100),)}),
        ("pulse: 0 phases, must be 1 or 2", {"phases": ()}),
        ("phase 0: -500 mV x 200 us = -10.0 nC, limit 3.5 nC", {"phases": ((-500_000, 200),), "impedance_kohm": 10}),
        ("phase 0: -100 mV x 200 us = -2.0 nC = 0.28 mC/cm2, limit 0.2 mC/cm2", {"phases": ((-100_000, 200),), "impedance_kohm": 10, "material": "Pt"}),
        (None, {"phases": ((-100_000, 200),), "impedance_kohm": 10}),
    ],
)  # fmt: skip
def test_voltage_pulses_have_a_gate_of_their_own(expected, changes):
    assert refusal(unit="uV", **changes) == expected


def test_what_charge_a_voltage_pulse_moves_is_said_or_said_to_be_unknown():
    phases = ((-100_000.0, 200.0),)
    assert Limits().charge_in_doubt(GOOD, "uA") == ""
    assert Limits().charge_in_doubt(phases, "uV") == "charge unknown: no limits.impedance_kohm"
    stated = Limits(impedance_kohm=50)
    assert stated.charge_in_doubt(GOOD, "uA") == ""
    assert stated.charge_in_doubt(phases, "uV") == "charge -0.40 nC, computed from 50 kohm"


def test_charge_and_density_are_those_of_the_data_sheet():
    assert charge_nc(-20, 200) == -4.0
    assert density_mc_cm2(2.8, 30) == pytest.approx(0.4, rel=0.02)  # Pt, MCS MEA manual 8.3


phase = st.tuples(
    st.sampled_from([-17.5, -10.0, 0.0, 10.0, 17.5]) | st.floats(-100, 100),
    st.sampled_from([20.0, 200.0, 400.0]) | st.floats(0, 2000),
)
balanced = st.lists(phase, max_size=4).map(lambda some: some + [(-a, w) for a, w in some])
lists = st.lists(phase, max_size=40) | balanced


@given(lists, st.floats(0, 100), st.integers(-1, 400))
@example([(-17.5, 200.0)] * 15 + [(17.5, 200.0)] * 15, 20.0, 20)
@example([(-17.5, 200.0), (17.5, 200.0)] * 38, 50.0, 20)
@example([(-5.0, 200.0), (0.0, 20.0), (-5.0, 200.0), (5.0, 400.0)], 20.0, 20)
def test_whatever_passes_is_within_every_limit(phases, rate_hz, n_pulses):
    limits = Limits()
    if limits.refusal(("48",), phases, rate_hz, n_pulses) is not None:
        return
    assert all(abs(current) <= 50 and 0 < width <= 1000 for current, width in phases)
    charge, most = running_charge(phases)
    assert most <= 3.5
    assert abs(charge) <= 0.01 * most
    assert longest_us(phases) <= 1000
    (down, up) = [group for group, _ in groupby(sign(a) for a, _ in phases if a)]
    assert (down, up) == (-1, 1)
    assert 0 < rate_hz <= 50
    assert 1 <= n_pulses <= 5 * rate_hz


@given(st.lists(phase.map(lambda p: (1e4 * p[0], p[1])), max_size=20))
@example([(-1e6, 1000.0)] * 15)
def test_whatever_voltage_passes_is_one_short_negative_phase_on_tin(phases):
    if Limits().refusal(("48",), phases, 10.0, 1, "uV") is not None:
        return
    assert all(-1e6 <= voltage <= 0 for voltage, _ in phases)
    assert longest_us(phases) <= 1000


def running_charge(phases):
    """The charge that is left on the electrode, in nC, and the most that ever was."""
    charge, most = 0.0, 0.0
    for current, width in phases:
        charge += current * width / 1000
        most = max(most, abs(charge))
    return charge, most


def longest_us(phases):
    """The longest time for which the electrode is not driven the other way."""
    longest = 0.0
    for way in (-1, 1):
        lasts, since = 0.0, 0.0  # up to the last phase this way; with what came after it
        for amplitude, width in phases:
            since = 0.0 if sign(amplitude) == -way else since + (width if since or amplitude else 0)
            lasts = since if sign(amplitude) == way else lasts
            longest = max(longest, lasts if since else 0.0)
    return longest


def sign(value):
    return (value > 0) - (value < 0)


def test_the_table_of_the_documents_shows_the_defaults():
    page = Path(__file__).parents[2] / "docs" / "explanations" / "safety.md"
    rows = re.findall(r"^\| ([^|]+) \| ([\d.,]+)[^|]* \|", page.read_text(encoding="utf-8"), re.M)
    limits = Limits()
    assert {name: float(value.replace(",", "")) for name, value in rows} == {
        "current": limits.max_current_ua,
        "voltage": limits.max_voltage_mv,
        "width of a phase, and of a pause": limits.max_width_us,
        "charge per phase": limits.max_charge_nc,
        "charge density per phase": limits.max_density_mc_cm2,
        "net charge": 100 * limits.max_net_charge,  # in percent
        "pulses on one electrode": limits.max_rate_hz,
        "pulses on all electrodes": limits.max_total_rate_hz,
        "one train": limits.max_train_s,
        "a session": limits.max_session_pulses,
    }


@pytest.mark.parametrize("material", ["PEDOT", "IrOx", "platinum black", "tin"])
def test_a_material_without_known_limits_has_the_strictest_and_is_named(material):
    phases = ((-10, 200), (10, 200))
    assert refusal(phases=phases) is None
    text = refusal(phases=phases, material=material)
    assert "0.28 mC/cm2, limit 0.2 mC/cm2" in text
    assert f"material {material!r} has the strictest: limits are known for TiN, Pt" in text
    positive = refusal(phases=((1e5, 200),), unit="uV", material=material)
    assert "must not be charged positively" in positive
    assert refusal(phases=((-5, 200), (5, 200)), material=material) is None
