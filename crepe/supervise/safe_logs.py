"""Logs of supervisord that cannot end it: a full disk costs lines, not the experiment."""

# Decision 58: what happens on a full disk.

from contextlib import suppress
from typing import Any

from supervisor import loggers


def make_logs_safe() -> None:
    """Make all log handlers of this process drop what they cannot write.

    supervisord prints a handler's error on stderr, which may be a file on the same full disk; that
    second error would end it.
    """
    loggers.Handler.handleError = _drop
    loggers.RotatingFileHandler.doRollover = _roll_over_if_possible


def _drop(handler: Any) -> None:
    del handler


_roll_over = loggers.RotatingFileHandler.doRollover


def _roll_over_if_possible(handler: Any) -> None:
    if handler.stream.closed:  # the last roll-over closed it and failed
        with suppress(OSError):
            handler.stream = open(handler.baseFilename, "ab")  # noqa: SIM115  # the handler's own
        return
    with suppress(OSError, ValueError):
        _roll_over(handler)
