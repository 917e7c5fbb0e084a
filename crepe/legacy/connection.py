"""A connection whose `root` has the methods of the original's RPC root."""

import inspect
import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

from numpy.typing import NDArray

from crepe.errors import GapError, StoreError
from crepe.legacy.names import takes_old_names
from crepe.legacy.rows import ahead_of, read_row, read_to_gap
from crepe.store.contract import Cursor, Entry, Readable, UnclockedEntry
from crepe.store.groups.grouped_redis import GroupedRedis
from crepe.store.memory_store import MemoryStore
from crepe.store.stream import Stream

log = logging.getLogger(__name__)

_WAIT_S = 0.5
_MOST_CALLBACKS = 1000

Answer = NDArray[Any] | Literal[False]
Callback = Callable[..., Any]
Get = Callable[["Reader"], NDArray[Any]]


class Reader:
    """The methods of the original's RPC root, for one stream. They may be called on any thread."""

    def __init__(self, store: Readable, name: str) -> None:
        self.store = store
        self.stream = Stream(store, name)
        self._store_lock = threading.Lock()
        self._is_closed = threading.Event()
        self._callbacks: list[tuple[Get, Callback]] = []
        self._callbacks_lock = threading.Lock()
        self._waiting: threading.Thread | None = None  # one thread for all callbacks

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
            If no samples exist, called once when some arrive, on a thread of its own, with the
            samples if it takes an argument.

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

    def _get(self, get: Get, n_samples: int, start: int, callback: Callback | None) -> Answer:
        if n_samples < 1 or start < 0:
            raise ValueError(f"{n_samples} samples from {start}, must be at least 1 from 0 on")
        with self._store_lock:
            samples = get(self)
        if samples.shape[-1]:
            return samples
        if callback is not None:
            self._call_later(get, callback)
        return False

    def _call_later(self, get: Get, callback: Callback) -> None:
        with self._callbacks_lock:
            if len(self._callbacks) >= _MOST_CALLBACKS:
                raise ValueError(
                    f"{self.stream.name}: {len(self._callbacks)} callbacks wait, "
                    f"at most {_MOST_CALLBACKS} may"
                )
            self._callbacks.append((get, callback))
            if self._waiting is None:
                self._waiting = threading.Thread(target=self._wait_for_callbacks, daemon=True)
                self._waiting.start()

    def _wait_for_callbacks(self) -> None:
        """Call each callback once its samples exist, until none waits or the stream has ended."""
        reader = Reader(another_reader(self.store), self.stream.name)
        try:
            while self._has_callbacks():
                try:
                    reader._call_back(self._callbacks)
                    reader.wait(_WAIT_S)
                except StoreError as error:
                    log.warning("%s: callbacks wait: %s", self.stream.name, error)
        finally:
            reader.store.close()

    def _call_back(self, callbacks: list[tuple[Get, Callback]]) -> None:
        """Call those whose samples exist and take them off the list; at the end take all off."""
        is_ended = self.stream.is_ended  # before the look at the samples: some may come between
        for waiting in list(callbacks):
            get, callback = waiting
            try:
                samples = get(self)
            except GapError as error:
                log.warning("a callback waits in vain: %s", error)
                callbacks.remove(waiting)
                continue
            if samples.shape[-1]:
                # Each on a thread of its own: one may block or raise.
                threading.Thread(target=_call, args=(callback, samples), daemon=True).start()
            if samples.shape[-1] or is_ended:
                callbacks.remove(waiting)

    def _has_callbacks(self) -> bool:
        with self._callbacks_lock:
            has_some = bool(self._callbacks) and not self._is_closed.is_set()
            if not has_some:
                self._waiting = None
            return has_some

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
        """End the thread that waits for data."""
        self._is_closed.set()
        waiting = self._waiting
        if waiting is not None:
            waiting.join(timeout=2 * _WAIT_S + 2.0)


class Connection:
    """A connection to one stream, from `get_connection`; usable as a context manager."""

    def __init__(self, store: Readable, name: str) -> None:
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


def another_reader(store: Readable) -> Readable:
    """Return a second connection to the same streams: two threads cannot share a store."""
    if isinstance(store, MemoryStore):
        return MemoryStore(store.memory, writer="reader")
    assert isinstance(store, GroupedRedis)
    return GroupedRedis(store.url, store.culture, f"reader-{uuid4().hex[:12]}", store.patience_s)


def _call(callback: Callback, samples: NDArray[Any]) -> None:
    takes_data = len(inspect.signature(callback).parameters) > 0
    callback(samples) if takes_data else callback()
