"""A request is in plain types, or the reason names its field."""

from dataclasses import replace

import numpy as np
import pytest

from crepe.messages import Stimulus
from crepe.safety.firing.form import number_of, well_formed

REQUEST = Stimulus(9, 10, 1, 500, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 4, "rock")


def test_a_request_in_plain_types_stays_as_it_is():
    assert well_formed(REQUEST) == REQUEST


def test_numbers_of_numpy_become_plain():
    plain = well_formed(replace(REQUEST, number=np.int64(1), rate_hz=np.float32(20)))
    assert plain == REQUEST
    assert (type(plain.number), type(plain.rate_hz)) == (int, float)


class Faulty:
    def __repr__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"n_pulses": "x"}, "n_pulses: 'x', must be a whole number"),
        ({"number": 0}, "number: 0, must be a whole number from 1 on"),
        ({"rate_hz": float("nan")}, "rate_hz: nan, must be a finite number"),
        ({"phases": ((1.0, 2.0), (1.0,))}, "phases[1]: (1.0,), must be an amplitude and a width"),
        ({"phases": ((1.0, None),)}, "phases[0] width: None, must be a finite number"),
        ({"electrodes": "48"}, "electrodes: '48', must be a sequence of at most 1000"),
        ({"electrodes": ("48", 5)}, "electrodes[1]: 5, must be text"),
        ({"unit": Faulty()}, "unit: a value of type Faulty, must be text"),
    ],
)
def test_the_reason_has_the_field_what_it_is_and_what_it_must_be(fields, reason):
    assert well_formed(replace(REQUEST, **fields)) == reason


def test_a_long_value_is_cut_in_the_reason():
    assert len(well_formed(replace(REQUEST, phases="x" * 100_000))) < 120
    assert "int" in well_formed(replace(REQUEST, n_pulses=10**5000))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (np.int64(7), 7),
        (0, 0),
        (-1, 0),
        (True, 0),
        ("7", 0),
        (None, 0),
        (2**62, 0),
        (7.0, 0),
    ],
)
def test_an_answer_has_the_number_of_its_request_if_that_is_one(value, number):
    assert number_of(value) == number
