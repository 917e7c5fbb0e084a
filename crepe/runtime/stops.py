"""Why a program ends."""

from crepe.errors import CrepeError


class Stop(Exception):
    """The program must end: it was stopped, supervisord is gone, or another session has begun."""


class UnrecordedError(CrepeError):
    """A recorder was stopped before it had everything; its exit status keeps the session open."""
