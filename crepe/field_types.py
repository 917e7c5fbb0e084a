"""The types of a message's fields, checked: what comes from the wire may be anything."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from crepe.messages import Message

Check = Callable[[Any], bool]

_LARGEST = 2**63 - 1  # as a recording holds whole numbers
_LONGEST = 60  # characters of a value in a text


def check_types(message: Message) -> None:
    """Raise TypeError for a field whose value has not the type that its class declares.

    Fields of types other than numbers, text, sequences, mappings and arrays may hold anything.
    """
    kind: Any = type(message)  # hashable, as every class
    for name, is_valid, type_name in _checks(kind):
        value = getattr(message, name)
        if not is_valid(value):
            text = repr(value)
            text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
            raise TypeError(f"{name}: {text}, must be {type_name}")
    if not 0 <= message.start <= message.stop:
        raise TypeError(f"window [{message.start}, {message.stop}), must be sample indices")


@cache
def _checks(kind: type[Message]) -> tuple[tuple[str, Check, str], ...]:
    """Return name, check and type of each field; of none where an annotation does not resolve."""
    try:
        hints = get_type_hints(kind)
    except NameError:  # of a class outside CREPE, imported for type checkers only
        hints = get_type_hints(Message)
    return tuple(
        (name, _check(hints[name]), getattr(hints[name], "__name__", str(hints[name])))
        for name in kind.__dataclass_fields__
        if name in hints
    )


def _check(hint: Any) -> Check:
    """Return the check of one type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin in (Union, UnionType):
        return _any_of([_check(argument) for argument in arguments])
    if origin is tuple:
        return _tuple_of(arguments)
    if origin is Mapping:
        return _mapping_of(_check(arguments[0]), _check(arguments[1]))
    if origin is np.ndarray:
        return _array_of(get_args(arguments[1])[0])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value: isinstance(value, hint)
    return lambda _: True


def _is_whole(value: Any) -> bool:
    if type(value) is int:  # nearly always; the other check takes longer
        return -_LARGEST <= value <= _LARGEST
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_number and -_LARGEST <= value <= _LARGEST


def _is_real(value: Any) -> bool:
    return type(value) is float or isinstance(value, np.floating | float) or _is_whole(value)


_PLAIN: Mapping[Any, Check] = {
    int: _is_whole,
    float: _is_real,
    bool: lambda value: isinstance(value, bool | np.bool_),
    str: lambda value: isinstance(value, str),
    NoneType: lambda value: value is None,
}


def _any_of(checks: list[Check]) -> Check:
    return lambda value: any(is_valid(value) for is_valid in checks)


def _tuple_of(arguments: tuple[Any, ...]) -> Check:
    if len(arguments) == 2 and arguments[1] is ...:
        is_item = _check(arguments[0])
        return lambda value: isinstance(value, tuple) and all(map(is_item, value))
    checks = [_check(argument) for argument in arguments]
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(checks)
        and all(is_valid(item) for is_valid, item in zip(checks, value, strict=True))
    )


def _mapping_of(is_key: Check, is_value: Check) -> Check:
    return lambda value: (
        (type(value) is dict or isinstance(value, Mapping))
        and all(is_key(key) and is_value(item) for key, item in value.items())
    )


def _array_of(scalar: Any) -> Check:
    kinds = "iufb"  # of numpy: integers, floats, truth values
    if isinstance(scalar, type) and issubclass(scalar, np.integer):
        kinds = "iu"
    elif isinstance(scalar, type) and issubclass(scalar, np.floating):
        kinds = "iuf"
    return lambda value: isinstance(value, np.ndarray) and value.dtype.kind in kinds
