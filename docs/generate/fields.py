"""The fields of settings: type, unit, bounds, default and sentence, from pydantic's metadata."""

import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ByteSize
from pydantic.fields import FieldInfo

from docs.generate.markdown import code, link_to, sentence, table
from docs.generate.source import field_sentences

UNITS = {
    "_per_s": "1/s", "_mc_cm2": "mC/cm2", "_kohm": "kohm", "_bytes": "bytes", "_samples": "samples",
    "_hz": "Hz", "_ms": "ms", "_us": "us", "_ns": "ns", "_uv": "uV", "_mv": "mV", "_ua": "uA",
    "_nc": "nC", "_um": "um", "_mb": "MB", "_sd": "noise levels", "_c": "degrees C", "_s": "s",
}  # fmt: skip
"""Units by the end of a name; a longer end comes before one that it ends with."""

_SCALARS = {
    bool: "boolean", int: "integer", float: "number", str: "string", date: "date", Any: "value",
}  # fmt: skip
_GROUPS = {2: "pair", 3: "triple"}
_PLURAL = {"character": "characters", "entry": "entries"}
_FEW = 3  # values of an enumeration that the type lists; more have a table of their own
HEAD = ("setting", "type", "unit", "bounds", "default", "meaning")


class Setting(NamedTuple):
    """One setting of a table, as text."""

    name: str
    type: str
    unit: str
    bounds: str
    default: str
    meaning: str
    is_number: bool


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """Return all settings of a model, those of its bases first."""
    sentences = field_sentences(model)
    return [
        Setting(
            name,
            type_text(field.annotation),
            unit_of(name),
            ", ".join(dict.fromkeys(_bounds(field.annotation, field.metadata))),
            _default(field),
            sentences.get(name, ""),
            _is_number(field.annotation),
        )
        for name, field in model.model_fields.items()
    ]


def settings_table(model: type[BaseModel], nested: Mapping[type, str] | None = None) -> str:
    """Return the table of a model's settings; `nested` has the heading of each nested table."""
    rows = []
    for setting in settings_of(model):
        inner = tables_in(model.model_fields[setting.name].annotation)
        links = [link_to(nested[kind]) for kind in inner if nested and kind in nested]
        meaning = " ".join([sentence(setting.meaning), *(f"See {link}." for link in links)])
        rows.append((code(setting.name), *setting[1:5], meaning))
    return table(HEAD, rows) if rows else "No settings."


def unit_of(name: str) -> str:
    """Return the unit that a name ends with, or an empty text."""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def tables_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models within a type, each a nested table of the file."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in tables_in(part)]


def type_text(annotation: Any, *, is_plural: bool = False) -> str:
    """Return a type in the words of TOML."""
    origin, parts = get_origin(annotation), get_args(annotation)
    plural = "s" if is_plural else ""
    if origin is Annotated:
        return type_text(parts[0], is_plural=is_plural)
    if origin in (Union, types.UnionType):
        options = [part for part in parts if part is not types.NoneType]
        return " or ".join(type_text(part, is_plural=is_plural) for part in options)
    if origin is Literal:
        return " or ".join(code(f'"{value}"') for value in parts)
    if origin is tuple and Ellipsis not in parts:
        return f"{_GROUPS[len(parts)]}{plural} of {type_text(parts[0], is_plural=True)}"
    if origin and issubclass(origin, Mapping):
        return f"table{plural} of {type_text(parts[1], is_plural=True)}"
    if origin in (tuple, list, frozenset):
        return f"array{plural} of {type_text(parts[0], is_plural=True)}"
    if annotation is ByteSize:
        return "numbers of bytes"
    if issubclass(annotation, BaseModel):
        return f"table{plural}"
    if issubclass(annotation, Enum) and len(annotation) <= _FEW:
        return " or ".join(code(f'"{member.value}"') for member in annotation)
    return _SCALARS.get(annotation, "string") + plural


def _bounds(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[str]:
    """Yield the bounds of a type and its parts, as text."""
    limits = {
        name: getattr(item, name)
        for item in metadata
        for name in ("gt", "ge", "lt", "le", "min_length", "pattern")
        if getattr(item, name, None) is not None
    }
    numbers = {name: f"{limits[name]:g}" for name in ("gt", "ge", "lt", "le") if name in limits}
    match numbers:
        case {"ge": low, "le": high}:
            yield f"{low} to {high}"
        case {"ge": low}:
            yield f"{low} or more"
        case _:
            words = {"gt": "above", "lt": "below", "le": "at most"}
            yield from (f"{words[name]} {value}" for name, value in numbers.items())
    if "min_length" in limits:
        n = limits["min_length"]
        parts_of = "character" if annotation is str else "entry"
        yield f"at least {n} {parts_of if n == 1 else _PLURAL[parts_of]}"
    if "pattern" in limits:
        yield code(limits["pattern"])
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from _bounds(parts[0], list(_flat(parts[1:])))
    elif get_origin(annotation) is not Literal:
        is_many = get_origin(annotation) not in (Union, types.UnionType)
        for part in parts:
            yield from (f"each {text}" if is_many else text for text in _bounds(part))


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    """Yield metadata, that of a pydantic `Field` in its parts."""
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, BaseModel) or value is None else code(value_text(value))


def value_text(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return f'"{value.value}"'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {value_text(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return f"[{', '.join(map(value_text, items))}]"
    return str(value)


def _is_number(annotation: Any) -> bool:
    """Return whether a type is a number, or holds numbers."""
    if annotation in (int, float):
        return True
    return any(_is_number(part) for part in get_args(annotation))
