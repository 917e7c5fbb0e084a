"""Walk through a row or a stream without keeping the index."""

import logging
import time
from typing import Any

from crepe.errors import GapError
from crepe.legacy.connection import Answer, Connection
from crepe.legacy.names import takes_old_names

log = logging.getLogger(__name__)

_FOREVER_S = 0.5  # between looks whether the stream has ended


class _Iterator:
    """Where an iterator is, and how it waits."""

    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples
        self.position: int | None = None  # the first sample that is kept, once known

    def _get(self, connection: Connection, start: int) -> Answer:
        raise NotImplementedError

    @takes_old_names
    def next(self, connection: Connection) -> Answer:
        """What there is: 1 to `n_samples` samples, or False. A gap is said in the log, and
        stepped over: `position` tells where the next samples begin."""
        if self.position is None:
            self.position = connection.root.stream.first
        try:
            found = self._get(connection, self.position)
        except GapError:
            start, self.position = self.position, connection.root.after_gap(self.position)
            name = connection.root.stream.name
            log.warning("%s: samples %d to %d are missing", name, start, self.position)
            found = self._get(connection, self.position)
        if found is not False:
            self.position += found.shape[-1]
        return found

    @takes_old_names
    def next_or_wait(
        self, connection: Connection, sleep: float = 0.1, timeout: float | None = None
    ) -> Answer:
        """As `next`, but waits for data, `timeout * sleep` seconds at most.

        False at the end of the stream, or when the time is up; None waits without a limit.
        """
        deadline = None if timeout is None else time.monotonic() + timeout * sleep
        while (found := self.next(connection)) is False:
            left_s = _FOREVER_S if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                return False
            has_grown = connection.root.wait(min(left_s, _FOREVER_S))
            if not has_grown and connection.root.stream.is_ended:
                return self.next(connection)
        return found


class StreamRowIterator(_Iterator):
    """Iterates over one channel."""

    @takes_old_names
    def __init__(self, row: int = 0, n_samples: int = 100) -> None:
        super().__init__(n_samples)
        self.row = row

    def _get(self, connection: Connection, start: int) -> Answer:
        found: Any = connection.root.get_row_segment(self.row, self.n_samples, start)
        return found  # type: ignore[no-any-return]  # an Answer; the decorator hides it


class StreamSegmentIterator(_Iterator):
    """Iterates over all channels together."""

    @takes_old_names
    def __init__(self, n_samples: int = 100) -> None:
        super().__init__(n_samples)

    def _get(self, connection: Connection, start: int) -> Answer:
        found: Any = connection.root.get_stream_segment(self.n_samples, start)
        return found  # type: ignore[no-any-return]  # an Answer; the decorator hides it
