"""The fields of a message have their types, whatever a sender wrote into them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from crepe.field_types import check_types
from crepe.messages import (
    Command,
    Decision,
    Delivered,
    DeliveryState,
    GameState,
    Message,
    Spikes,
    Stimulus,
)

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


@dataclass(frozen=True, slots=True)
class Every(Message):
    """A field of each type, with a value of it."""

    whole: int = 0
    real: float = 0.0
    is_so: bool = False
    text: str | None = None
    both: tuple[int, str] = (1, "a")
    single: tuple[int] = (1,)
    each: tuple[int, ...] = ()
    by_name: Mapping[str, int] = field(default_factory=dict)
    wholes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))
    reals: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    numbers: NDArray[np.int32 | np.float64] = field(default_factory=lambda: np.zeros(1))
    flags: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, np.bool_))
    state: DeliveryState = DeliveryState.REFUSED
    thing: object = None


ARRAYS = {kind: np.zeros(1, kind) for kind in ("i4", "u2", "f4", "?", "c8", "S1", "O")}


@pytest.mark.parametrize(
    ("name", "values", "others"),
    [
        ("whole", (1, -(2**63) + 1, np.int64(-(2**63) + 1), np.uint64(2**63 - 1), np.int8(-1)),
         (-(2**63), np.int64(-(2**63)), np.uint64(2**63), 1.0, np.float32(1), np.bool_(1), None)),
        ("real", (1.5, np.float32(1), 1, np.int64(1), float("nan")), (True, "1", 1j, 2**63)),
        ("is_so", (True, np.bool_(0)), (0, 1, None, "")),
        ("text", ("", None), (b"", 0, np.zeros(1))),
        ("both", ((1, "a"),), ((1,), (1, "a", "a"), ("a", 1), [1, "a"], (1, 2))),
        ("single", ((1,),), ((), (1, 2), ("a",), [1], 1)),
        ("each", ((), (1, 2)), ([], (1, "a"), ("a", 1), None, "")),
        ("by_name", ({"a": 1}, MappingProxyType({"a": 1})),
         ({1: 1}, {"a": "a"}, {"a": 1, "b": "a"}, [("a", 1)], None)),
        ("wholes", [ARRAYS[kind] for kind in ("i4", "u2")],
         [*(ARRAYS[kind] for kind in ("f4", "?", "c8", "S1", "O")), [1], 1]),
        ("reals", [ARRAYS[kind] for kind in ("i4", "u2", "f4")],
         [*(ARRAYS[kind] for kind in ("?", "c8", "S1", "O")), [1.0], 1.0]),
        ("numbers", [ARRAYS[kind] for kind in ("i4", "u2", "f4", "?")],
         [*(ARRAYS[kind] for kind in ("c8", "S1", "O")), [1.0], 1.0]),
        ("flags", [ARRAYS[kind] for kind in ("i4", "u2", "f4", "?")],
         [*(ARRAYS[kind] for kind in ("c8", "S1", "O")), [True], True]),
        ("state", tuple(DeliveryState), ("refused ", None, 0)),
        ("thing", (object(), 1, None), ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_type_takes_its_values_and_no_others(name, values, others):
    for value in values:
        check_types(Every(0, 1, **{name: value}))
    for value in others:
        with pytest.raises(TypeError, match=f"^{name}: "):
            check_types(Every(0, 1, **{name: value}))


def test_a_long_value_is_cut():
    for n, text in ((58, f"'{58 * 'x'}'"), (59, f"'{55 * 'x'} ...")):
        with pytest.raises(TypeError) as error:
            check_types(Every(0, 1, whole=n * "x"))
        assert str(error.value) == f"whole: {text}, must be int"


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
