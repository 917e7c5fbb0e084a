"""The form of a request for stimulation: numbers that are numbers, text that is text."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from crepe.messages import Stimulus

_LARGEST = 2**62  # of a sample index or a number; no session reaches it
_MOST = 1000  # electrodes, phases; pulses are limited by the gate
_LONGEST = 60  # characters of a value in a reason


class _MalformedError(ValueError):
    """A field of a request is not what it must be."""


def number_of(value: object) -> int:
    """Return the number of a request for its answer; 0 if it is none."""
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < _LARGEST else 0  # type: ignore[call-overload, operator]  # it is a number


def well_formed(stimulus: Stimulus) -> Stimulus | str:
    """Return a request in plain Python types, or why it is malformed. Never raises.

    A request may come from any program, in any language, and in this process from any actor.
    """
    try:
        return replace(
            stimulus,
            start=_index("start", stimulus.start),
            stop=_index("stop", stimulus.stop),
            number=_index("number", stimulus.number, least=1),
            due=_index("due", stimulus.due),
            electrodes=tuple(
                _text(f"electrodes[{i}]", label)
                for i, label in enumerate(_items("electrodes", stimulus.electrodes))
            ),
            phases=tuple(
                _phase(f"phases[{i}]", phase)
                for i, phase in enumerate(_items("phases", stimulus.phases))
            ),
            rate_hz=_real("rate_hz", stimulus.rate_hz),
            n_pulses=_index("n_pulses", stimulus.n_pulses),
            meaning=_text("meaning", stimulus.meaning),
            unit=_text("unit", stimulus.unit),
        )
    except _MalformedError as error:
        return str(error)


def _index(name: str, value: Any, least: int = -_LARGEST) -> int:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not least <= value < _LARGEST:
        at_least = "" if least < 0 else f" from {least} on"
        raise _MalformedError(f"{name}: {_short(value)}, must be a whole number{at_least}")
    return int(value)


def _real(name: str, value: Any) -> float:
    is_real = isinstance(value, int | float | np.integer | np.floating)
    if not is_real or isinstance(value, bool) or abs(value) > _LARGEST or not isfinite(value):
        raise _MalformedError(f"{name}: {_short(value)}, must be a finite number")
    return float(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _MalformedError(f"{name}: {_short(value)}, must be text")
    return value


def _items(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, tuple | list) or len(value) > _MOST:
        raise _MalformedError(f"{name}: {_short(value)}, must be a sequence of at most {_MOST}")
    return value


def _phase(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise _MalformedError(f"{name}: {_short(value)}, must be an amplitude and a width")
    amplitude, width_us = value
    return _real(f"{name} amplitude", amplitude), _real(f"{name} width", width_us)


def _short(value: Any) -> str:
    """Return a value as text; that of a very long number, or of a faulty object, can fail."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a value of any type may come
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
