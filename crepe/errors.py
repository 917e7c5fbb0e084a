"""One error class for each person who must act; the text says place, found, allowed."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class CrepeError(Exception):
    """Anything CREPE refuses to do; the text says where, what was found and what is allowed."""


class ConfigError(CrepeError):
    """For who wrote the experiment file."""


class DeviceError(CrepeError):
    """For who stands at the bench: an instrument or a recording does not answer as it should."""


class StoreError(CrepeError):
    """For who runs the Redis server: it cannot be found, reached or used."""


class StoreUnavailableError(StoreError):
    """The Redis server is away or full, or readers are behind; asked later, the same may go."""


class OrderError(CrepeError):
    """A second writer, or a writer of an earlier session, tried to append to a stream."""


class LeaseError(CrepeError):
    """For the person who starts an experiment: another session has the culture on that server."""


class GapError(CrepeError):
    """Samples that were asked for are missing.

    Attributes
    ----------
    gaps : tuple of (start, stop)
        The missing windows, half open, in sample indices.
    """

    def __init__(self, text: str, gaps: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__(text)
        self.gaps = tuple(gaps)


def suggest(name: str, allowed: Iterable[str]) -> str:
    """`; did you mean ...?`, or the names that are allowed, to end an error's text with."""
    names = list(allowed)
    near = get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names) or 'none'}"
