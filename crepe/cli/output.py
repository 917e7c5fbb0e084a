"""What a command prints: text for people, or one JSON document on stdout."""

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from crepe.environment.called_as import as_called

_UNLIMITED = 10_000  # columns of a pipe or a file: a program reads it, so that no line is cut


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on stdout or stderr.

    Lines of text are neither wrapped nor searched for markup: they hold paths and `[tables]`.
    Without a terminal there are no escape codes, and no limit of width but COLUMNS; with NO_COLOR
    (https://no-color.org) rich leaves colours out.
    """
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        width=None if stream.isatty() or "COLUMNS" in os.environ else _UNLIMITED,
        soft_wrap=True,
        markup=False,
        emoji=False,
        highlight=False,
    )


class Output:
    """The output of one command.

    Parameters
    ----------
    as_json
        stdout receives one JSON document and nothing else; text for people goes to stderr.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = open_console(stderr=as_json)

    def line(self, text: str, style: str | None = None) -> None:
        """Print a line for people."""
        self.console.print(as_called(text), style=style)

    def text(self, text: str) -> None:
        """Print a line of the result for people; the JSON document has it in its own form."""
        if not self.as_json:
            self.console.print(as_called(text))

    def document(self, content: Mapping[str, Any] | list[Any]) -> None:
        """Print the JSON document, if it was requested; nan and infinity become null."""
        if self.as_json:
            print(json.dumps(finite(content), indent=2, default=str))


def finite(value: Any) -> Any:
    """Return content with None for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
