"""What to say of a name or a value that is not allowed."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or what is known, to end an error's text with."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names) or 'none'}"


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first error of a table: place, what is wrong, what was found."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        fields: Any = model.model_fields
        for part in first["loc"][:-1]:
            inner = getattr(fields.get(part), "annotation", None)
            found = [kind for kind in (inner, *getattr(inner, "__args__", ())) if _is_table(kind)]
            fields = found[0].model_fields if found else {}
        return f"{place}: not known{suggest(str(first['loc'][-1]), fields)}"
    if first["type"] == "missing":
        return f"{place}: missing"
    text = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not place:  # of the table as a whole: the text says what was found
        return text
    return f"{place}: {text}, found {first['input']!r}"


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
