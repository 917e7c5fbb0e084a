"""One error class for each person who must act; the text has place, found, allowed."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit statuses of the command `crepe`."""

    DONE = 0
    FAILED = 1  # an error, printed on stderr, or a result that is not as it must be
    USAGE = 2  # the command line itself is wrong
    INTERRUPTED = 130  # by Ctrl-C, as shells count it: 128 + SIGINT


_MOST_NAMES = 20  # that an error's text lists


class CrepeError(Exception):
    """Any refusal by CREPE; the text says where, what was found and what is allowed."""

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The text of each single mistake; most errors have one."""
        return (str(self),)


class ConfigError(CrepeError):
    """Mistakes in the experiment file, each with its text, for the file's author."""

    def __init__(self, *mistakes: str) -> None:
        self._mistakes = mistakes
        lines = (f"\n  {number}. {text}" for number, text in enumerate(mistakes, 1))
        super().__init__(
            mistakes[0] if len(mistakes) == 1 else f"{len(mistakes)} mistakes:{''.join(lines)}"
        )

    @property
    def mistakes(self) -> tuple[str, ...]:
        return self._mistakes


class ActorError(CrepeError):
    """A mistake in the code of an actor, for the author of its class."""


class DeviceError(CrepeError):
    """An instrument or a recording does not answer as it should; for the operator at the bench."""


class StoreError(CrepeError):
    """The Redis server cannot be found, reached or used; for its administrator."""


class StoreUnavailableError(StoreError):
    """The Redis server is away or full, or readers lag; a retry may succeed."""


class OrderError(CrepeError):
    """A second writer, or a writer of an earlier session, tried to append to a stream."""


class LeaseError(CrepeError):
    """Another session has the culture on that server; for the operator who starts one."""


class GapError(CrepeError):
    """Requested samples are missing.

    Attributes
    ----------
    gaps : tuple of (start, stop)
        The missing windows, half open, in sample indices.
    """

    def __init__(self, text: str, gaps: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__(text)
        self.gaps = tuple(gaps)


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean ...?` or the allowed names, to end an error's text with."""
    names = list(allowed)
    if near := get_close_matches(name, names, 1):
        return f"; did you mean {near[0]!r}?"
    rest = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"; known are {', '.join(names[:_MOST_NAMES]) or 'none'}{rest}"
