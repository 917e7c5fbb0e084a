"""The text of an experiment file: read, and parsed with the place of a mistake."""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from crepe.errors import ConfigError, suggest

_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_BARE_TEXT = re.compile(r"^[=\s\[,]\s*(?!True\b|False\b)([^\W\d][^,#\]}\"\']*?)\s*(?:[,#\]}]|$)")


def read_text(path: Path) -> str:
    """Return the text of an experiment file. Raises ConfigError with names that are near."""
    try:
        return path.read_text(encoding="utf-8-sig")  # editors of Windows begin with a mark
    except FileNotFoundError as error:
        near = suggest(path.name, sorted(_experiments_in(path.parent)))
        raise ConfigError(f"{path}: no such experiment file{near}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error


def _experiments_in(directory: Path) -> Iterator[str]:
    """Yield the names of the experiment files in a directory: other tools have TOML files, too."""
    for path in directory.glob("*.toml"):
        with suppress(OSError, ValueError):  # what cannot be read is no suggestion
            if "actors" in tomllib.loads(path.read_text(encoding="utf-8-sig")):
                yield path.name


def parse_text(path: Path, text: str) -> dict[str, Any]:
    """Return the tables of an experiment's text. Raises ConfigError with line and column."""
    try:
        # The text of a changed experiment is JSON, whatever its file was.
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        if match := _TOML_PLACE.search(str(error)):
            line, column = int(match[1]), int(match[2])
        else:  # "at end of document"
            line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
        reason = str(error).partition(" (at ")[0]
        if match := _BARE_TEXT.search("".join(text.splitlines()[line - 1 : line])[column - 2 :]):
            reason += f'; text needs quotes: "{match[1]}"'
        raise ConfigError(f"{path}: line {line}, column {column}: {reason}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: {content!r}, must be tables")
    return content
