"""The line of an author's code in which an error arose, as text for people."""

import inspect
import sysconfig
import traceback
from collections.abc import Sequence
from os.path import isabs
from pathlib import Path

_CREPE = str(Path(__file__).parents[1])
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def own_frames(error: BaseException) -> Sequence[traceback.FrameSummary]:
    """Return the frames of an error in the author's files; those of CREPE where there are none.

    Frames of the standard library and of installed packages are left out.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        # `<frozen importlib>` and `_packer.pyx` are no files; CREPE may be an installed package.
        if isabs(frame.filename)
        and (frame.filename.startswith(_CREPE) or not frame.filename.startswith(_LIBRARIES))
    ]
    return [frame for frame in frames if not frame.filename.startswith(_CREPE)] or frames


def is_in_own_file(error: BaseException) -> bool:
    """Whether an error passed through a file of the author, and not only of CREPE."""
    frames = own_frames(error)
    return bool(frames) and not frames[-1].filename.startswith(_CREPE)


def place_of(error: BaseException) -> str:
    """Return `FILE, line N` of an error, or of the mistake in a file that is no Python."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = own_frames(error)
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "no place is known"


def place_of_code(code: object) -> str:
    """Return `FILE, line N` at which a class or function begins."""
    try:
        lines, number = inspect.getsourcelines(code)  # type: ignore[arg-type]  # checked inside
        file = inspect.getsourcefile(code)  # type: ignore[arg-type]
    except (OSError, TypeError):  # typed into a prompt, or no Python
        return "source unknown"
    del lines
    return f"{file}, line {max(1, number)}"
