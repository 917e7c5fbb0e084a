"""The error text for a table of the experiment file."""

from typing import Any

from pydantic import BaseModel, ValidationError

from crepe.errors import suggest


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the text of a table's first error: place, what is wrong, what was found."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        fields: Any = model.model_fields
        for part in first["loc"][:-1]:
            inner = getattr(fields.get(part), "annotation", None)
            options = (inner, *getattr(inner, "__args__", ()))  # such as `Table | None`
            tables = [kind for kind in options if _is_table(kind)]
            fields = tables[0].model_fields if tables else {}
        return f"{place}: not known{suggest(str(first['loc'][-1]), fields)}"
    if first["type"] == "missing":
        return f"{place}: missing"
    text = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not place:  # an error of the table as a whole: its text says what was found
        return text
    return f"{place}: {text}, found {first['input']!r}"


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
