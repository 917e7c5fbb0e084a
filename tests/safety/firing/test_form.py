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


LARGEST = 2**62


@pytest.mark.parametrize(
    "fields",
    [
        {"start": -LARGEST},
        {"due": LARGEST - 1},
        {"number": 1},
        {"number": LARGEST - 1},
        {"rate_hz": 4.0 * 2**60},
        {"rate_hz": -4.0 * 2**60},
        {"rate_hz": 20},
        {"electrodes": ("48",) * 1000},
        {"electrodes": ["48"]},
        {"phases": [[1.0, 2.0]]},
    ],
)
def test_a_value_at_its_bound_has_the_form_of_a_request(fields):
    plain = well_formed(replace(REQUEST, **fields))
    assert isinstance(plain, Stimulus)
    (name, value), *_ = fields.items()
    if isinstance(value, list):
        value = tuple(tuple(item) if isinstance(item, list) else item for item in value)
    assert getattr(plain, name) == value


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"start": -LARGEST - 1}, "start: -4611686018427387905, must be a whole number"),
        ({"stop": LARGEST}, "stop: 4611686018427387904, must be a whole number"),
        ({"due": True}, "due: True, must be a whole number"),
        ({"number": LARGEST}, "number: 4611686018427387904, must be a whole number from 1 on"),
        ({"rate_hz": True}, "rate_hz: True, must be a finite number"),
        ({"rate_hz": float("inf")}, "rate_hz: inf, must be a finite number"),
        ({"rate_hz": 4.1 * 2**60}, "rate_hz: 4.726978168888072e+18, must be"),
        ({"rate_hz": 10**400}, "rate_hz: 1000000"),
        ({"electrodes": ("48",) * 1001}, "electrodes: ('48', '48'"),
        ({"phases": ((1.0, 2.0, 3.0),)}, "phases[0]: (1.0, 2.0, 3.0), must be an amplitude"),
        ({"phases": ("12",)}, "phases[0]: '12', must be an amplitude and a width"),
        ({"phases": ((None, 2.0),)}, "phases[0] amplitude: None, must be a finite number"),
        ({"meaning": None}, "meaning: None, must be text"),
    ],
)
def test_a_value_beyond_its_bound_has_not(fields, reason):
    assert well_formed(replace(REQUEST, **fields)).startswith(reason)


def test_a_value_is_cut_to_sixty_characters():
    for n, text in ((58, "x" * 58), (59, "x" * 55)):
        reason = well_formed(replace(REQUEST, n_pulses="x" * n))
        end = "'" if n == 58 else " ..."
        assert reason == f"n_pulses: '{text}{end}, must be a whole number"
        assert len(f"'{text}{end}") == 60


def test_the_largest_number_is_that_of_an_answer():
    assert number_of(LARGEST - 1) == LARGEST - 1
    assert number_of(1) == 1
