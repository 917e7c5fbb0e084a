"""A connection whose `root` has the methods of the original's RPC root."""

import inspect
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

from numpy.typing import NDArray

from crepe.legacy.names import takes_old_names
from crepe.legacy.rows import ahead_of, read_row, read_to_gap
from crepe.store.contract import Cursor, Entry, StreamStore, UnclockedEntry
from crepe.store.memory_store import MemoryStore
from crepe.store.redis_store import RedisStore
from crepe.store.stream import Stream

_WAIT_S = 0.5

Answer = NDArray[Any] | Literal[False]
Callback = Callable[..., Any]


class Reader:
    """The methods of the original's RPC root, for one stream."""

    def __init__(self, store: StreamStore, name: str) -> None:
        self.store = store
        self.stream = Stream(store, name)
        self._is_closed = threading.Event()
        self._threads: list[threading.Thread] = []

    @takes_old_names
    def get_row_segment(
        self, row: int, n_samples: int, start: int, callback: Callback | None = None
    ) -> Answer:
        """Return 1 to `n_samples` samples of a channel from `start` on, or False if none exist.

        Before a gap they are fewer than `n_samples`.

        Parameters
        ----------
        row
            Channel, counted from 0.
        n_samples, start
            The window of sample indices: [start, start + n_samples).
        callback
            If no samples exist, called once when some arrive, on a thread of the connection, with
            the samples if it takes an argument.

        Raises
        ------
        IndexError
            The row does not exist.
        GapError
            Sample `start` is missing.
        """
        n = self.stream.info.n_channels
        if not 0 <= row < n:
            raise IndexError(f"{self.stream.name}: row {row}, there are {n}")

        def get(reader: "Reader") -> NDArray[Any]:
            return read_row(reader.store, reader.stream, row, start, n_samples)

        return self._get(get, n_samples, start, callback)

    @takes_old_names
    def get_stream_segment(
        self, n_samples: int, start: int, callback: Callback | None = None
    ) -> Answer:
        """Return 1 to `n_samples` samples of all channels, cut to the shortest, or False."""

        def get(reader: "Reader") -> NDArray[Any]:
            stop = max(start, min(len(reader.stream), start + n_samples))
            return read_to_gap(reader.stream, start, stop)

        return self._get(get, n_samples, start, callback)

    # The original's own names: its RPC server exposed only methods with this prefix.
    exposed_get_row_segment = get_row_segment
    exposed_get_stream_segment = get_stream_segment

    def _get(
        self,
        get: Callable[["Reader"], NDArray[Any]],
        n_samples: int,
        start: int,
        callback: Callback | None,
    ) -> Answer:
        if n_samples < 1 or start < 0:
            raise ValueError(f"{n_samples} samples from {start}, must be at least 1 from 0 on")
        samples = get(self)
        if samples.shape[-1]:
            return samples
        if callback is not None:
            thread = threading.Thread(target=self._call_later, args=(get, callback), daemon=True)
            self._threads.append(thread)
            thread.start()
        return False

    def _call_later(self, get: Callable[["Reader"], NDArray[Any]], callback: Callback) -> None:
        reader = Reader(_another(self.store), self.stream.name)
        try:
            while not self._is_closed.is_set():
                reader.wait(_WAIT_S)
                samples = get(reader)
                if samples.shape[-1]:
                    takes_data = len(inspect.signature(callback).parameters) > 0
                    callback(samples) if takes_data else callback()
                    return
                if reader.stream.is_ended:
                    return
        finally:
            reader.store.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the stream or a row of it grows; return False at its end or after the time."""
        name = self.stream.name
        ahead = ahead_of(name)
        seen = [
            item
            # 100 000 reaches the last ID: a service compacts after about 1000 entries.
            for _, item in self.store.wait({ahead: "0-0"}, 0.0, 100_000)
            if isinstance(item, UnclockedEntry)
        ]
        cursors: dict[str, Cursor] = {name: len(self.stream), ahead: seen[-1].id if seen else "0-0"}
        return bool(self.store.wait(cursors, timeout_s, 1)) and not self.stream.is_ended

    def after_gap(self, start: int) -> int:
        """Return the sample index at which samples resume after a missing `start`."""
        entries = [e for _, e in self.store.wait({self.stream.name: start}, 0.0, 1)]
        return max([start, *(e.start for e in entries if isinstance(e, Entry))])

    def close(self) -> None:
        """End the threads that wait for data."""
        self._is_closed.set()
        for thread in self._threads:
            thread.join(timeout=2 * _WAIT_S + 2.0)


class Connection:
    """A connection to one stream, from `get_connection`; usable as a context manager."""

    def __init__(self, store: StreamStore, name: str) -> None:
        self.root = Reader(store, name)

    def close(self) -> None:
        """Close the connection; harmless to repeat."""
        self.root.close()
        self.root.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _another(store: StreamStore) -> StreamStore:
    """Return a second connection to the same streams: two threads cannot share a store."""
    if isinstance(store, MemoryStore):
        return MemoryStore(store.memory, writer="waiting")
    assert isinstance(store, RedisStore)
    return RedisStore(store.url, culture=store.culture, writer="waiting")
