"""Codes of observations: the rates of the sites, and tables that name one."""

import numpy as np
import pytest
from pydantic import ValidationError

from crepe.games.gymnasium.encoders import (
    Encoder,
    PlaceCode,
    PopulationCode,
    RateCode,
    load_encoders,
)

SITES = ("17", "26", "25", "24")
RANGE = {"low": -1.0, "high": 1.0, "sites": SITES}


@pytest.mark.parametrize(
    ("value", "site"), [(-9.0, 0), (-1.0, 0), (-0.4, 1), (0.1, 2), (1.0, 3), (9.0, 3)]
)
def test_a_place_code_stimulates_the_site_of_the_value(value, site):
    rates = PlaceCode(value=1, **RANGE).rates(np.array([5.0, value]))
    assert rates.tolist() == [20.0 if i == site else 0.0 for i in range(4)]


def test_a_range_that_falls_reverses_the_code():
    code = PlaceCode(low=1.0, high=-1.0, sites=SITES)
    assert code.rates(np.array([-1.0])).argmax() == 3


@pytest.mark.parametrize(("value", "rate_hz"), [(-1.0, 4.0), (0.0, 12.0), (2.0, 20.0)])
def test_a_rate_code_grows_with_the_value(value, rate_hz):
    assert RateCode(**RANGE).rates(np.array([value])).tolist() == [rate_hz] * 4


def test_a_population_code_falls_off_from_the_preferred_value():
    rates = PopulationCode(**RANGE).rates(np.array([-1.0]))
    assert rates == pytest.approx(20 * np.exp(-0.5 * np.arange(4) ** 2))


@pytest.mark.parametrize("code", [PlaceCode, RateCode, PopulationCode])
def test_no_value_exceeds_the_highest_total_rate(code):
    encoder = code(**RANGE, highest_hz=10.0)
    totals = [encoder.rates(np.array([value])).sum() for value in np.linspace(-2, 2, 101)]
    assert 10.0 <= max(totals) <= encoder.highest_total_hz


def test_a_range_without_width_and_a_site_named_twice_are_refused():
    with pytest.raises(ValidationError, match="both 1, must differ"):
        PlaceCode(low=1, high=1, sites=SITES)
    with pytest.raises(ValidationError, match="named twice"):
        PlaceCode(low=0, high=1, sites=("17", "17"))


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"run": "x"}, "must be tables"),
        ([{"run": "crepe.nothing:Code"}], "0 run: 'crepe.nothing:Code': No module"),
        ([{"run": "crepe.messages:Court"}], "must be the import path of an Encoder"),
        ([{"run": "crepe.games.gymnasium.encoders:PlaceCode", "low": 0}], "0.high: Field required"),
    ],
)
def test_a_table_that_names_no_encoder_is_refused(tables, reason):
    with pytest.raises(ValueError, match=reason):
        load_encoders(tables)


class Twice(Encoder):
    def rates(self, observation):
        return np.full(len(self.sites), 2 * observation[0])


def test_an_encoder_of_another_module_is_loaded_by_its_path():
    (encoder,) = load_encoders([{"run": f"{__name__}:Twice", **RANGE}])
    assert encoder.rates(np.array([3.0])).tolist() == [6.0] * 4
