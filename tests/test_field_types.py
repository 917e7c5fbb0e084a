"""The fields of a message have their types, whatever a sender wrote into them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crepe.field_types import check_types
from crepe.messages import Command, Decision, Delivered, GameState, Message, Spikes, Stimulus

if TYPE_CHECKING:
    from somewhere import Unknown

STIMULUS = {"number": 1, "due": 5, "electrodes": ("48",), "phases": ((-1.0, 200.0), (1, 200.0)),
            "rate_hz": 20, "n_pulses": 1}  # fmt: skip
SPIKES = {
    "channel": np.zeros(2, np.int32),
    "sample": np.zeros(2, np.int64),
    "amplitude_uv": np.zeros(2),
}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Stimulus, STIMULUS),
        (Stimulus, {**STIMULUS, "number": np.int64(1), "rate_hz": np.float32(20)}),
        (Spikes, SPIKES),
        (Stimulus, {**STIMULUS, "number": 2**63 - 1, "due": -(2**63) + 1}),
        (Decision, {"value": None}),
        (Decision, {"value": "rock", "scores": {"rock": 1.5, "paper": 1}}),
        (GameState, {"trial": 1, "phase": "of a game", "score": {"won": 1}}),
        (Delivered, {"number": 1, "state": "of a later version"}),
        (Command, {"name": "frame", "value": "", "frame": ((1.0, 2.0), (3.0, 4.0))}),
    ],
)
def test_fields_of_their_types_pass(kind, fields):
    check_types(kind(0, 1, **fields))


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (Stimulus, {**STIMULUS, "n_pulses": "x"}, "n_pulses: 'x', must be int"),
        (Stimulus, {**STIMULUS, "number": 2**63}, "number: 9223372036854775808, must be int"),
        (Stimulus, {**STIMULUS, "number": True}, "number: True, must be int"),
        (Stimulus, {**STIMULUS, "rate_hz": None}, "rate_hz: None, must be float"),
        (Stimulus, {**STIMULUS, "electrodes": "48"}, "electrodes: '48', must be tuple"),
        (Stimulus, {**STIMULUS, "phases": ((1.0,),)}, r"phases: \(\(1.0,\),\), must be tuple"),
        (Stimulus, {**STIMULUS, "phases": ([-1.0, 200.0],)}, "phases: "),
        (Stimulus, {**STIMULUS, "phases": (("a", "b"),)}, "phases: "),
        (Spikes, {**SPIKES, "channel": np.zeros(2)}, "channel: array"),
        (Spikes, {**SPIKES, "sample": (1, 2)}, r"sample: \(1, 2\), must be"),
        (Decision, {"value": b"rock"}, "value: b'rock'"),
        (Decision, {"value": 1.0, "scores": {"rock": "high"}}, "scores: "),
        (Decision, {"value": 1.0, "scores": {1: 1.0}}, "scores: "),
        (Decision, {"value": "x", "scores": ()}, "scores: "),
        (Delivered, {"number": 1, "state": 5}, "state: 5"),
        (Command, {"name": "note", "value": 5}, "value: 5, must be str"),
        (Command, {"name": "frame", "value": "", "frame": (("a",),)}, "frame: "),
    ],
)
def test_a_field_of_another_type_is_named(kind, fields, reason):
    with pytest.raises(TypeError, match=reason):
        check_types(kind(0, 1, **fields))


@pytest.mark.parametrize("window", [(-1, 5), (6, 5), (0.0, 5), ("0", "5")])
def test_a_window_is_of_sample_indices(window):
    with pytest.raises(TypeError):
        check_types(Message(*window))


def test_a_window_may_be_empty():
    check_types(Message(5, 5))


@dataclass(frozen=True, slots=True)
class Foreign(Message):
    field: "Unknown"
    other: object = None


def test_a_type_that_is_not_known_here_may_hold_anything():
    check_types(Foreign(0, 1, object(), object()))
    with pytest.raises(TypeError):
        check_types(Foreign(0, None, object()))
