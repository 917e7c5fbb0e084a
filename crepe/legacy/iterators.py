"""Iterators over a row or a stream, which keep the sample index."""

import logging
import time
from typing import Any

from crepe.errors import GapError
from crepe.legacy.connection import Answer, Connection
from crepe.legacy.names import takes_old_names

log = logging.getLogger(__name__)

_FOREVER_S = 0.5  # between checks whether the stream has ended


class _Iterator:
    """Position of an iterator, and its waiting for data."""

    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples
        self.position: int | None = None  # None before the first call; then the next sample

    def _get(self, connection: Connection, start: int) -> Answer:
        raise NotImplementedError

    @takes_old_names
    def next(self, connection: Connection) -> Answer:
        """Return the next 1 to `n_samples` samples, or False if none exist.

        A gap is logged and skipped; `position` is then the first sample after it.
        """
        if self.position is None:
            self.position = connection.root.stream.first
        try:
            samples = self._get(connection, self.position)
        except GapError:
            start, self.position = self.position, connection.root.after_gap(self.position)
            name = connection.root.stream.name
            log.warning("%s: samples %d to %d are missing", name, start, self.position)
            samples = self._get(connection, self.position)
        if samples is not False:
            self.position += samples.shape[-1]
        return samples

    @takes_old_names
    def next_or_wait(
        self, connection: Connection, sleep: float = 0.1, timeout: float | None = None
    ) -> Answer:
        """Return the next samples as `next` does, but wait `timeout * sleep` seconds for them.

        Return False at the end of the stream or after that time; None waits without a limit.
        """
        deadline = None if timeout is None else time.monotonic() + timeout * sleep
        while (samples := self.next(connection)) is False:
            left_s = _FOREVER_S if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                return False
            has_grown = connection.root.wait(min(left_s, _FOREVER_S))
            if not has_grown and connection.root.stream.is_ended:
                # The last samples may have come after `next` found none.
                return self.next(connection)
        return samples


class StreamRowIterator(_Iterator):
    """Iterator over one channel."""

    @takes_old_names
    def __init__(self, row: int = 0, n_samples: int = 100) -> None:
        super().__init__(n_samples)
        self.row = row

    def _get(self, connection: Connection, start: int) -> Answer:
        samples: Any = connection.root.get_row_segment(self.row, self.n_samples, start)
        return samples  # type: ignore[no-any-return]  # an Answer; the decorator hides it


class StreamSegmentIterator(_Iterator):
    """Iterator over all channels together."""

    @takes_old_names
    def __init__(self, n_samples: int = 100) -> None:
        super().__init__(n_samples)

    def _get(self, connection: Connection, start: int) -> Answer:
        samples: Any = connection.root.get_stream_segment(self.n_samples, start)
        return samples  # type: ignore[no-any-return]  # an Answer; the decorator hides it
