"""One stream for a client: read by sample index, wait for samples, follow them, append."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crepe.errors import StoreError
from crepe.messages import Message, Segment, StreamInfo
from crepe.store import codec
from crepe.store.channels import Microvolts, Rows, row_index
from crepe.store.contract import Entry, Readable, StreamStore, entries_at_once
from crepe.store.describe import describe_stream
from crepe.store.segments import cut, entries_per_page, fitting, gap_error, missing, regrouped

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 1.0  # then look again: in a stream begun anew no sample would end the wait

Gaps = list[tuple[int, int]]


class Stream:
    """A stream; one of segments is read like an array (n_channels, n_samples).

    Other streams hold messages; `messages` reads any stream. Sample indices count from the start of
    the session. Old samples are trimmed away, so the stream begins at `first`.

    Examples
    --------
    >>> data["47", 0:100]  # counts of an electrode, by its label
    >>> data.microvolts[["47", "48"], -500:]
    >>> data.read(0, 1000, fill=float("nan"))
    """

    def __init__(self, store: Readable, name: str) -> None:
        self.name = name
        self._store = store
        self.info: StreamInfo = store.info(name)  # type: ignore[assignment]  # Store checks

    def __repr__(self) -> str:
        return f"<Stream {self.name}: {describe_stream(self._store, self.name)}>"

    @property
    def first(self) -> int:
        """The first sample still kept."""
        first_entry = self._store.first(self.name)
        return first_entry.start if first_entry else 0

    def __len__(self) -> int:
        """Return the length in samples since the start of the session."""
        last_entry = self._store.last(self.name)
        return last_entry.stop if last_entry else 0

    @property
    def is_ended(self) -> bool:
        """Whether the writer has ended the stream."""
        last_entry = self._store.last(self.name)
        return last_entry is not None and last_entry.is_end

    @property
    def microvolts(self) -> Microvolts:
        """The same stream, with the same indices, in microvolts."""
        return Microvolts(self)

    # Reading

    def rows(self, channels: Rows) -> Any:
        """Return indices of channels, given by label or by index. Raises as `stream[...]` does."""
        return row_index(channels, self.info.labels, self.name)

    def messages(self, start: int = 0, stop: int | None = None) -> list[Message]:
        """Return the messages of all entries that overlap [start, stop), in order; default: all."""
        return [message for entry in self._entries(start, stop) for message in self._unpack(entry)]

    def times_ns(self, start: int = 0, stop: int | None = None) -> list[tuple[int, int]]:
        """Return (sample index of its end, wall clock in ns) for each entry in [start, stop)."""
        return [(entry.stop, entry.t_ns) for entry in self._entries(start, stop)]

    def gaps(self, start: int | None = None, stop: int | None = None) -> Gaps:
        """Return the windows missing in [start, stop); default: from `first` to the end."""
        start = self.first if start is None else start
        stop = len(self) if stop is None else stop
        covered = self._store.covered(self.name)
        if covered is None:
            windows = ((entry.start, entry.stop) for entry in self._entries(start, stop))
            return missing(windows, start, stop)
        return missing(((a, b) for a, b in covered if a < stop and b > start), start, stop)

    def read(self, start: int, stop: int, *, fill: float | None = None) -> NDArray[Any]:
        """Return the samples [start, stop) of all channels, in counts.

        Returns
        -------
        (n_channels, stop - start)

        Raises
        ------
        GapError
            Samples are missing, and there is no `fill` value to replace them.
        IndexError
            The stream is still shorter than `stop`; see `wait`.
        """
        self._must_be_segments()
        if not 0 <= start <= stop:
            raise IndexError(f"{self.name}: [{start}, {stop}) is not a window of sample indices")
        kind = np.result_type(self.info.dtype, type(fill)) if fill is not None else self.info.dtype
        samples = np.empty((self.info.n_channels, stop - start), kind)
        windows: Gaps = []
        for entry in self._entries(start, stop):
            for segment in self._unpack(entry):  # none if it cannot be read: a gap
                assert isinstance(segment, Segment)
                begin, end = max(entry.start, start), min(entry.stop, stop)
                samples[:, begin - start : end - start] = segment.samples[
                    :, begin - entry.start : end - entry.start
                ]
                windows.append((begin, end))
        gaps = missing(windows, start, stop)
        if gaps and gaps[-1][1] == stop and (length := len(self)) < stop:
            raise IndexError(f"{self.name}: [{start}, {stop}) requested, {length} samples long")
        if gaps and fill is None:
            raise gap_error(self.name, (start, stop), gaps, (self.first, len(self)))
        for begin, end in gaps:
            samples[:, begin - start : end - start] = fill
        return samples

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Return `stream[rows, start:stop]` or `stream[rows, i]`, as `read` does.

        Rows are electrodes by label (`"47"`, `["47", "48"]`), or channels by index (`0`, `0:8`).
        A slice ends where the stream does, as numpy's: one after the end is empty. Raises KeyError
        for an unknown label, IndexError for an index that is too large, GapError for lost samples.
        """
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        rows = self.rows(rows)
        length = len(self)
        if isinstance(columns, slice):
            start, stop, step = columns.indices(length)
            if step <= 0:
                raise IndexError(f"{self.name}: step {step}, must be positive")
            # A stop from 0 on names a sample: if those before it are trimmed, that is a GapError.
            if columns.start is None and (columns.stop is None or columns.stop < 0):
                first = self.first
                start = first if first < stop else 0
            samples = self.read(start, max(start, stop))[:, ::step]
        elif isinstance(columns, int | np.integer):
            at = int(columns) + (length if columns < 0 else 0)
            samples = self.read(at, at + 1)[:, 0]
        else:
            raise IndexError(
                f"{self.name}: samples {columns!r}, must be an index or a slice; "
                'several electrodes are a list: data[["47", "48"], 0:100]'
            )
        return samples[rows]

    def scaled(self, samples: NDArray[Any], rows: Rows = slice(None)) -> NDArray[np.float64]:
        """Return counts of the given channels as microvolts."""
        scale = np.asarray(self.info.scale_uv, dtype=np.float64)
        if scale.size > 1:
            of_rows = scale[self.rows(rows)]
            scale = of_rows[..., None] if of_rows.ndim < samples.ndim else of_rows
        scaled: NDArray[np.float64] = np.multiply(samples, scale, dtype=np.float64)
        return scaled

    # Waiting

    def wait(self, start: int, stop: int, timeout_s: float | None = None) -> NDArray[Any]:
        """Return what `read` does, as soon as the stream has `stop` samples.

        Raises TimeoutError after `timeout_s`, and IndexError if the stream ends earlier.
        """
        self.wait_for(stop, timeout_s)
        return self.read(start, stop)

    def wait_for(self, stop: int, timeout_s: float | None = None) -> None:
        """Block until the stream has `stop` samples. Raises as `wait` does."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (length := len(self)) < stop:
            if self.is_ended:
                raise IndexError(f"{self.name}: ended at sample {length}, {stop} were waited for")
            left_s = _LONGEST_WAIT_S if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(
                    f"{self.name}: {length} of {stop} samples after {timeout_s} s of waiting"
                )
            self._store.wait({self.name: length}, min(left_s, _LONGEST_WAIT_S), 1)  # only to wake

    def follow(self, start: int | None = None, n_samples: int | None = None) -> Iterator[Segment]:
        """Yield segments of `n_samples` from sample `start` on, until the stream ends.

        Defaults: from the first sample kept, and as they were written. A segment is shorter
        before a gap and at the end; its window gives its place. Raises StoreError if another
        session begins the stream anew.
        """
        self._must_be_segments()
        segments = (m for m in self.follow_messages(start) if isinstance(m, Segment))
        return segments if n_samples is None else regrouped(segments, n_samples)

    def follow_messages(self, start: int | None = None) -> Iterator[Message]:
        """Yield all messages from sample `start` on, until the stream ends."""
        cursor = self.first if start is None else start
        begun, count = cursor, entries_at_once([self.info])
        while True:
            items = self._store.wait({self.name: cursor}, _LONGEST_WAIT_S, count)
            if not items:
                info = self._store.info(self.name)
                self._must_be_same_session(info.session if info else None)
            for _, entry in items:
                assert isinstance(entry, Entry)
                self._must_be_same_session(entry.session)
                if entry.is_end:
                    return
                cursor = entry.stop
                for message in self._unpack(entry):
                    if isinstance(message, Segment) and message.start < begun:
                        yield cut(message, begun, message.stop)
                    else:
                        yield message

    # Writing

    def append(self, samples: ArrayLike, *, start: int | None = None) -> None:
        """Append samples (n_channels, n_samples) at the end, or from sample `start` on.

        The stream must have been declared by this store. Raises ValueError for a wrong shape
        or values that the stream's dtype cannot hold, and OrderError for a window that begins
        before the end.
        """
        array = np.asarray(samples)
        if array.ndim != 2 or array.shape[0] != self.info.n_channels or array.shape[1] == 0:
            shape = f"({self.info.n_channels} channels, n > 0)"
            raise ValueError(f"{self.name}: samples of shape {array.shape}, must be {shape}")
        array = np.ascontiguousarray(fitting(array, self.info.dtype, self.name))
        begin = len(self) if start is None else start
        for at in range(0, array.shape[1], self.info.longest_samples):
            part = array[:, at : at + self.info.longest_samples]
            segment = Segment(begin + at, begin + at + part.shape[1], part, time.time_ns())
            self.append_message(segment)

    def append_message(self, message: Message) -> None:
        """Append one message whose window follows the stream's end."""
        payload = codec.pack([message], message.start, message.stop)
        entry = Entry(message.start, message.stop, payload, time.time_ns())
        self._writable().append([(self.name, entry)])

    def end(self) -> None:
        """Append the end marker; nothing can follow."""
        length = len(self)
        entry = Entry(length, length, t_ns=time.time_ns(), is_end=True)
        self._writable().append([(self.name, entry)])

    def delete(self) -> None:
        """Remove the stream."""
        self._writable().delete(self.name)

    # Inside

    def _must_be_same_session(self, session: str | None) -> None:
        if session != self.info.session:
            raise StoreError(f"{self.name}: its session has ended and another has begun")

    def _entries(self, start: int, stop: int | None) -> Iterator[Entry]:
        """Yield the entries that overlap [start, stop), read in pages; None: to the end."""
        stop = len(self) if stop is None else stop
        if stop <= start:
            return
        until = stop + self.info.longest_samples - 1  # the last entry may stop so far beyond
        count = entries_per_page(self.info)
        after = start
        while True:
            page = self._store.entries(self.name, after, until, count)
            for entry in page:
                if entry.start >= stop:
                    return
                yield entry
            if len(page) < count or page[-1].stop >= stop:
                return
            after = page[-1].stop

    def _unpack(self, entry: Entry) -> list[Message]:
        """Return the messages of an entry; those that cannot be read are logged and left out."""
        kind = codec.message_type(self.info.message)
        window, of_segment = (entry.start, entry.stop), entry.of_segment
        messages, unreadable = codec.read(kind, entry.payload, *window, **of_segment)
        for message in unreadable:
            log.warning("%s: skipped %s", self.name, message.reason)
        return messages

    def _must_be_segments(self) -> None:
        if not issubclass(codec.message_type(self.info.message), Segment):
            raise StoreError(f"{self.name}: holds {self.info.message}, read it with messages()")

    def _writable(self) -> StreamStore:
        if not hasattr(self._store, "append"):
            raise StoreError(f"{self.name}: a recording cannot be changed")
        return self._store  # type: ignore[return-value]  # has append, so it is a whole store
