"""The name by which this program was called, for the commands that its messages name.

In a clone only `.venv/bin/crepe` works until the environment is activated.
"""

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

_NAME = "crepe"
_COMMAND = re.compile(r"`crepe (?=[a-z-])")


def as_called(text: str) -> str:
    """Return a message whose commands begin with the name by which this program was called."""
    return _COMMAND.sub(f"`{_program()} ", text) if _program() != _NAME else text


@cache
def _program() -> str:
    """Return `crepe` where a shell finds this very program by that name, else its path."""
    path = Path(sys.argv[0])
    if path.name != _NAME or not path.is_file():  # `python -m crepe`, or another program
        return _NAME
    on_path = shutil.which(_NAME)
    if on_path is not None and Path(on_path).samefile(path):
        return _NAME
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path.absolute())
