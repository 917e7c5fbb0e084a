"""One stream, as a client of RPyC reads it."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from operator import index
from typing import Any

from rpyc import async_
from rpyc.core.netref import BaseNetref

from crepe.errors import GapError
from crepe.legacy.connection import Answer, Callback, Connection
from crepe.legacy.names import takes_old_names
from crepe.legacy.rpyc_protocol import Functions, by_value

_LEFT_OUT = 10  # one part in so many of a stream whose oldest samples are being dropped


class ReadStream:
    """The two functions of the original, for one connection.

    The original kept everything, and its iterators begin at index 0. Redis drops old samples, so
    index 0 of a connection is the first sample that is kept when the connection first reads: sample
    0 of the session for its first minutes. Once samples are being dropped, the oldest tenth is left
    out, so that the reader is not overtaken at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._close = connection.close
        self._reader = connection.root
        self._origin: int | None = None

    def functions(self) -> Functions:
        """Return the functions as the root of a connection."""
        functions: dict[str, Callable[..., Any]] = {
            "get_row_segment": self.get_row_segment,
            "get_stream_segment": self.get_stream_segment,
        }
        return Functions(functions, self._close)

    @takes_old_names
    def get_row_segment(self, row: Any, n_samples: Any, start: Any, callback: Any = None) -> Any:
        """Return a tuple of numbers, or False; see `Reader.get_row_segment`."""
        return self._get(
            partial(self._reader.get_row_segment, index(row), index(n_samples)), start, callback
        )

    @takes_old_names
    def get_stream_segment(self, n_samples: Any, start: Any, callback: Any = None) -> Any:
        """Return a tuple of one tuple of numbers for each channel, or False."""
        return self._get(
            partial(self._reader.get_stream_segment, index(n_samples)), start, callback
        )

    def _get(self, get: Callable[[int, Callback | None], Answer], start: Any, callback: Any) -> Any:
        start = index(start)
        if start < 0:
            raise ValueError(f"start {start}, must be 0 or more")
        if self._origin is None:
            first, length = self._reader.stream.first, len(self._reader.stream)
            self._origin = first and first + (length - first) // _LEFT_OUT
        try:
            return get(start + self._origin, None if callback is None else _sender(callback))
        except GapError as error:
            end = self._reader.after_gap(start + self._origin) - self._origin
            raise LookupError(
                f"{self._reader.stream.name}: samples {start} to {end} are missing; "
                f"set the iterator's index to {end}"
            ) from error


def _sender(callback: Any) -> Callback:
    """Return a function that sends samples to a client's callback, and does not wait for it."""
    if not isinstance(callback, BaseNetref):
        raise TypeError(f"callback {callback!r}, must be a function")
    call = async_(callback)

    def send(samples: Any) -> None:
        with suppress(EOFError, OSError):  # the client is gone
            call(by_value(samples))

    return send
