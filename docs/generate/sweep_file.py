"""`reference/sweep-file.md`: every table and field of a sweep file."""

from pydantic import BaseModel

from crepe.study.sweep.tables import (
    CulturesTable,
    ObjectiveTable,
    Range,
    SamplerTable,
    SweepTables,
)
from docs.generate.fields import HEAD, settings_of, settings_table
from docs.generate.markdown import code, heading, page, sentence, table
from docs.generate.source import description

TABLES: dict[str, type[BaseModel]] = {
    "[ranges]": Range,
    "[sampler]": SamplerTable,
    "[cultures]": CulturesTable,
    "[objective]": ObjectiveTable,
}

_INTRO = """Every table and setting of the TOML file of `crepe sweep`; how to write one is in
[Search for settings](../how-to/search-for-settings.md). Unknown names, wrong types and values out
of bounds are refused, with the place, what was found and what is allowed. A setting without a
default is marked *required*; an empty default means that the setting is absent."""


def sweep_file() -> str:
    """Return the page."""
    rows = [
        (code(setting.name), *setting[1:5], sentence(setting.meaning))
        for setting in settings_of(SweepTables)
    ]
    parts = [_INTRO, "## At the top of the file, and its tables", table(HEAD, rows)]
    for name, model in TABLES.items():
        about = description(model).partition(": ")[2]
        parts += [f"## {heading(name)}", sentence(about), settings_table(model)]
    return page("The sweep file", *parts)
