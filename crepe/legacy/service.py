"""StreamService: push data, row by row or segment by segment, for other programs to pull."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crepe.legacy import settings
from crepe.legacy.connection import Connection, Reader, another_reader
from crepe.legacy.names import takes_old_names
from crepe.legacy.rows import RowPart, ahead_of, parts_ahead
from crepe.messages import StreamInfo
from crepe.redis_server.find_url import find_place
from crepe.store import DataModus, Stream
from crepe.store.contract import StreamStore
from crepe.store.modus import stream_name
from crepe.store.redis_store import RedisStore

_COMPACT_AT = 1000  # waiting entries, from which on those that have become segments are dropped
_LONGEST_SAMPLES = 10_000


class StreamService:
    """A stream that this process writes. Inherit from it, or use it as it is.

    Parameters
    ----------
    modus
        Names the stream's key: `crepe:data`, `crepe:result` or `crepe:testing`, where `crepe` is
        the running experiment's `name`.
    name
        For a second stream of a kind: `crepe:<modus>:<name>`, in small letters.
    n_channels
        Rows; default `crepe.settings.STREAM_DIMENSION`.
    store
        Default: the server and the culture that `crepe.store.Store()` finds.
    is_resumed
        Continue the existing stream; otherwise it begins empty.

    Raises
    ------
    OrderError
        A running writer has the stream; choose another `name`.
    """

    def __init__(
        self,
        modus: DataModus,
        *,
        name: str | None = None,
        n_channels: int | None = None,
        store: StreamStore | None = None,
        dtype: str = "float64",
        is_resumed: bool = False,
    ) -> None:
        if store is None:
            url, culture = find_place()
            store = RedisStore(url, culture=culture, writer=f"service-{os.getpid()}")
        self._store = store
        self.modus = modus
        self.name = stream_name(f"{modus.stream}:{name.lower()}" if name else modus)
        n = n_channels or settings.n_channels()
        before = self._store.info(self.name)
        info = StreamInfo(
            labels=tuple(str(i) for i in range(n)),
            dtype=np.dtype(dtype).name,
            longest_samples=_LONGEST_SAMPLES,
            is_live=True,
            session=before.session if before and is_resumed else "",
        )
        self._store.declare(self.name, info, is_fresh=not is_resumed)
        if not is_resumed:
            self._store.delete(ahead_of(self.name))
        self.stream = Stream(self._store, self.name)
        self._length = len(self.stream)
        self._ahead: list[NDArray[Any]] = [np.empty(0, info.dtype) for _ in range(n)]
        self._n_waiting = 0
        for _, part in parts_ahead(self._store, self.name):
            self._take(part)
        # A connection of its own: while this process appends, RPyC may read on another thread.
        self._reader = Reader(another_reader(self._store), self.name)

    # Push

    @takes_old_names
    def append_stream_row_data(self, row: int, new_data: ArrayLike) -> None:
        """Append an array, or a single value, to one channel."""
        self._check_row(row)
        samples = np.atleast_1d(np.asarray(new_data, dtype=self.stream.info.dtype))
        if samples.ndim != 1:
            raise ValueError(f"{self.name}: data of shape {samples.shape}, must be one row (n,)")
        if len(samples):
            self._append_ahead(row, samples)
            self._form_segment()

    @takes_old_names
    def append_stream_segment_data(self, new_data: Sequence[Any] | NDArray[Any]) -> None:
        """Append one value for each channel, or a list for each.

        None or an empty list leaves that channel as it is.
        """
        n = self.stream.info.n_channels
        if len(new_data) != n:
            raise ValueError(f"{self.name}: data for {len(new_data)} channels, must be {n}")
        dtype = self.stream.info.dtype
        rows = [np.atleast_1d(np.asarray([] if d is None else d, dtype=dtype)) for d in new_data]
        for i, samples in enumerate(rows):
            if samples.ndim != 1:
                raise ValueError(f"{self.name} channel {i}: shape {samples.shape}, must be (n,)")
        lengths = {len(samples) for samples in rows}
        is_whole = len(lengths) == 1 and not any(map(len, self._ahead))
        if is_whole and lengths != {0}:
            self.stream.append(np.stack(rows))
            self._length += lengths.pop()
            return
        for i, samples in enumerate(rows):
            if len(samples):
                self._append_ahead(i, samples)
        self._form_segment()

    def end(self) -> None:
        """End the stream, so that iterators stop."""
        self.stream.end()

    def _append_ahead(self, row: int, samples: NDArray[Any]) -> None:
        part = RowPart(row, self._length + len(self._ahead[row]), samples)
        # n_kept=None: no other stream has these samples yet, so none may be trimmed.
        self._store.append_unclocked(ahead_of(self.name), part.pack(), n_kept=None)
        self._take(part)

    def _take(self, part: RowPart) -> None:
        at = self._length + len(self._ahead[part.row])
        if part.start <= at < part.start + len(part.samples):
            rest = part.samples[at - part.start :]
            self._ahead[part.row] = np.concatenate([self._ahead[part.row], rest])
        self._n_waiting += 1

    def _form_segment(self) -> None:
        """Append a segment of the samples that every row has."""
        n = min(map(len, self._ahead))
        if n:
            self.stream.append(np.stack([samples[:n] for samples in self._ahead]))
            self._length += n
            self._ahead = [samples[n:] for samples in self._ahead]
        is_level = not any(map(len, self._ahead))
        if (is_level and self._n_waiting) or self._n_waiting > _COMPACT_AT + len(self._ahead):
            self._compact()

    def _compact(self) -> None:
        """Append the parts that still wait once more, then drop all entries before them."""
        ahead, self._n_waiting = ahead_of(self.name), 0
        # In this order a crash leaves parts twice, which readers skip, and loses none.
        first = ""
        for row, samples in enumerate(self._ahead):
            if len(samples):
                entry_id = self._store.append_unclocked(
                    ahead, RowPart(row, self._length, samples).pack(), n_kept=None
                )
                first = first or entry_id
                self._n_waiting += 1
        if first:
            self._store.forget(ahead, first)
        else:
            self._store.delete(ahead)

    def _check_row(self, row: int) -> None:
        n = self.stream.info.n_channels
        if not 0 <= row < n:
            raise IndexError(f"{self.name}: row {row}, there are {n}")

    # Pull, in the same process; others use `crepe.utils.get_connection`

    @takes_old_names
    def get_row_segment(
        self, row: int, n_samples: int, start: int, callback: Callable[..., Any] | None = None
    ) -> Any:
        """Return what `Reader.get_row_segment` does."""
        return self._reader.get_row_segment(row, n_samples, start, callback)

    @takes_old_names
    def get_stream_segment(
        self, n_samples: int, start: int, callback: Callable[..., Any] | None = None
    ) -> Any:
        """Return what `Reader.get_stream_segment` does."""
        return self._reader.get_stream_segment(n_samples, start, callback)

    exposed_get_row_segment = get_row_segment
    exposed_get_stream_segment = get_stream_segment

    # Served the old way: ThreadedServer(service, port=..., protocol_config=RPYC_CONFIG)

    def get_service_name(self) -> str:
        """Return the name for RPyC's log."""
        return type(self).__name__

    def _connect(self, channel: Any, config: dict[str, Any]) -> Any:
        """Serve one client; RPyC's servers call this."""
        from crepe.legacy.rpyc_protocol import connect
        from crepe.legacy.rpyc_stream import ReadStream

        read = ReadStream(Connection(another_reader(self._store), self.name))
        root = read.functions()
        for name in dir(type(self)):
            is_own = getattr(type(self), name) is not getattr(StreamService, name, None)
            if name.startswith("exposed_") and is_own:  # a subclass adds or replaces it
                root.functions[name.removeprefix("exposed_")] = getattr(self, name)
        return connect(root, channel, config)
