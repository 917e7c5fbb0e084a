"""The text for a table of the experiment file that is refused."""

from typing import Any

from pydantic import BaseModel, ValidationError

from crepe.errors import suggest


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
