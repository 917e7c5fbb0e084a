"""Mistakes of an experiment file: their texts, and a list, so that a check reports all at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from crepe.errors import ActorError, ConfigError, suggest

_LONGEST_VALUE = 80  # characters of a value in a text

Loc = tuple[int | str, ...]  # names, from the outermost table on


class Mistakes:
    """The mistakes of one experiment file so far, each once, in the order of their discovery.

    Attributes
    ----------
    left_out
        The tables, by name, that cannot be used because of a mistake: they are checked no further.
    """

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self.left_out: set[str] = set()

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, *texts: str) -> None:
        """Add mistakes, each with place, found and allowed."""
        self._texts |= dict.fromkeys(texts)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Add the mistakes that the block raises, so that what follows it is checked, too."""
        try:
            yield
        except (ConfigError, ActorError) as error:
            self.add(*error.mistakes)

    def raise_all(self) -> None:
        """Raise ConfigError if there are mistakes."""
        if self._texts:
            raise ConfigError(*self._texts)


class _Field(NamedTuple):
    """The field that an error is about."""

    loc: Loc
    siblings: Mapping[str, Any]  # the fields of its table, by name
    is_union: bool  # pydantic reports a wrong value once for each type of the union


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Loc, str]]:
    """Yield the place of each error in a table, and its text: place, what is wrong, found."""
    reported: set[Loc] = set()
    misspelt: set[Loc] = set()  # required fields that stand under another name
    for detail in sorted(error.errors(), key=lambda each: each["type"] == "missing"):
        loc = detail["loc"]
        field = _field(loc, model)
        if (field.is_union and field.loc in reported) or loc in misspelt:
            continue
        reported.add(field.loc)
        place = ".".join(str(part) for part in loc)
        if detail["type"] == "extra_forbidden":
            near = suggest(str(loc[-1]), field.siblings)
            misspelt |= {(*loc[:-1], name) for name in field.siblings if repr(name) in near}
            yield loc, f"{place}: not known{near}"
        elif detail["type"] == "missing":
            yield loc, f"{place}: missing"
        else:
            text = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
            # An error of the table as a whole has no place: its text says what was found.
            yield loc, f"{place}: {text}, found {_short(detail['input'])}" if place else text


def _field(loc: Loc, model: type[BaseModel]) -> _Field:
    siblings: Mapping[str, Any] = model.model_fields
    depth = 0
    while True:
        annotation = getattr(siblings.get(str(loc[depth])) if loc else None, "annotation", None)
        is_union = get_origin(annotation) in (Union, UnionType)
        options = get_args(annotation) or (annotation,)  # such as `Table | None`
        tables = [kind for kind in options if _is_table(kind)]
        # In a mapping of tables the name of a table comes first.
        depth += 1 if is_union or annotation in options else 2
        if not tables or depth >= len(loc):
            n_types = len([kind for kind in options if kind is not type(None)])
            return _Field(loc[:depth], siblings, is_union and n_types > 1)
        table: type[BaseModel] = tables[0]
        siblings = table.model_fields


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]} ..."
