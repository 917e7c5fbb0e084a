"""One stream as a client sees it: read by sample index, waited for, followed, appended to."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crepe.errors import GapError, StoreError
from crepe.messages import Message, Segment, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry, Readable, StreamStore
from crepe.store.segments import cut, fitting, joined

_PAGE_BYTES = 1 << 20  # pages of about 1 MB are best for bulk reads
_LOOK_AGAIN_S = 1.0  # a reader of a stream that was begun anew would never wake

Rows = int | slice | list[int] | NDArray[Any]
Gaps = list[tuple[int, int]]


class Stream:
    """A stream of segments reads like an array (n_channels, n_samples) indexed by sample.

    Others hold messages; `messages` reads any of them. Sample indices are absolute and count from
    the start of the session; old samples are trimmed away, so what is kept begins at `first`.
    """

    def __init__(self, store: Readable, name: str) -> None:
        self.name = name
        self._store = store
        self.info: StreamInfo = store.info(name)  # type: ignore[assignment]  # Store checks

    @property
    def first(self) -> int:
        """The first sample still kept."""
        found = self._store.first(self.name)
        return found.start if found else 0

    def __len__(self) -> int:
        """Length in samples since the start of the session."""
        found = self._store.last(self.name)
        return found.stop if found else 0

    @property
    def is_ended(self) -> bool:
        """True if nothing will follow."""
        found = self._store.last(self.name)
        return found is not None and found.is_end

    @property
    def microvolts(self) -> "Microvolts":
        """The same stream, indexed alike, in microvolts."""
        return Microvolts(self)

    # Reading

    def messages(self, start: int, stop: int) -> list[Message]:
        """The messages of all entries that overlap [start, stop), in order."""
        return [message for entry in self._entries(start, stop) for message in self._of(entry)]

    def times_ns(self, start: int, stop: int) -> list[tuple[int, int]]:
        """For each entry in [start, stop): the sample it ends at, and its wall clock in ns."""
        return [(entry.stop, entry.t_ns) for entry in self._entries(start, stop)]

    def gaps(self, start: int | None = None, stop: int | None = None) -> Gaps:
        """The windows in [start, stop) that are missing; default: from `first` to the end."""
        start = self.first if start is None else start
        stop = len(self) if stop is None else stop
        found: Gaps = []
        have = start
        for entry in self._entries(start, stop):
            if entry.start > have:
                found.append((have, entry.start))
            have = max(have, entry.stop)
        if have < stop:
            found.append((have, stop))
        return found

    def read(self, start: int, stop: int, *, fill: float | None = None) -> NDArray[Any]:
        """The samples [start, stop) of all channels, in counts: (n_channels, stop - start).

        Raises
        ------
        GapError
            Samples are missing, and no `fill` value was given to stand for them.
        IndexError
            The stream is not that long yet; see `wait`.
        """
        self._must_be_segments()
        if not 0 <= start <= stop:
            raise IndexError(f"{self.name}: [{start}, {stop}) is not a window of sample indices")
        kind = np.result_type(self.info.dtype, type(fill)) if fill is not None else self.info.dtype
        samples = np.empty((self.info.n_channels, stop - start), kind)
        gaps: Gaps = []
        have = start
        for entry in self._entries(start, stop):
            (segment,) = self._of(entry)
            assert isinstance(segment, Segment)
            begin, end = max(entry.start, start), min(entry.stop, stop)
            if begin > have:
                gaps.append((have, begin))
            samples[:, begin - start : end - start] = segment.samples[
                :, begin - entry.start : end - entry.start
            ]
            have = end
        if have < stop:
            length = len(self)
            if length < stop:
                raise IndexError(f"{self.name}: [{start}, {stop}) asked for, {length} samples long")
            gaps.append((have, stop))
        if gaps and fill is None:
            self._report(start, stop, gaps)
        for begin, end in gaps:
            samples[:, begin - start : end - start] = fill
        return samples

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """`stream[rows, start:stop]` or `stream[rows, i]`; missing samples raise GapError."""
        rows, columns = (
            index if isinstance(index, tuple) and len(index) == 2 else (index, slice(None))
        )
        length = len(self)
        if isinstance(columns, slice):
            start, stop, step = columns.indices(length)
            if step <= 0:
                raise IndexError(f"{self.name}: step {step}, must be positive")
            if columns.start is None and (columns.stop is None or columns.stop < 0):
                first = self.first
                start = first if first < stop else 0
            found = self.read(start, max(start, stop))[:, ::step]
        else:
            at = int(columns) + (length if columns < 0 else 0)
            found = self.read(at, at + 1)[:, 0]
        if isinstance(rows, (int, np.integer)) and not -len(found) <= rows < len(found):
            raise IndexError(f"{self.name}: channel {rows}, there are {len(found)}")
        return found[rows]

    def scaled(self, samples: NDArray[Any], rows: Rows = slice(None)) -> NDArray[np.float64]:
        """Counts of the given channels as microvolts."""
        scale = np.asarray(self.info.scale_uv, dtype=np.float64)
        if scale.size > 1:
            of_rows = scale[rows]
            scale = of_rows[..., None] if of_rows.ndim < samples.ndim else of_rows
        scaled: NDArray[np.float64] = np.multiply(samples, scale, dtype=np.float64)
        return scaled

    # Waiting

    def wait(self, start: int, stop: int, timeout_s: float | None = None) -> NDArray[Any]:
        """`read` as soon as it is all there.

        Raises TimeoutError after `timeout_s`, and IndexError if the stream ends before.
        """
        self.wait_for(stop, timeout_s)
        return self.read(start, stop)

    def wait_for(self, stop: int, timeout_s: float | None = None) -> None:
        """Return when the stream has `stop` samples. Raises as `wait` does."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (length := len(self)) < stop:
            if self.is_ended:
                raise IndexError(f"{self.name}: ended at sample {length}, {stop} were waited for")
            left_s = _LOOK_AGAIN_S if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(
                    f"{self.name}: {length} of {stop} samples after {timeout_s} s of waiting"
                )
            self._store.wait({self.name: length}, min(left_s, _LOOK_AGAIN_S), 1)

    def follow(self, start: int | None = None, n_samples: int | None = None) -> Iterator[Segment]:
        """Segments of `n_samples` from sample `start` on, as they come, until the stream ends.

        Defaults: from the first sample kept, and as they were written. A segment is shorter
        before a gap and at the end; its window says where it lies. Raises StoreError if the
        stream is begun anew by another session.
        """
        self._must_be_segments()
        parts: list[Segment] = []
        for message in self.follow_messages(start):
            assert isinstance(message, Segment)
            if n_samples is None:
                yield message
                continue
            if parts and message.start != parts[-1].stop:
                yield joined(parts)
                parts = []
            parts.append(message)
            while parts and parts[-1].stop - parts[0].start >= n_samples:
                whole = joined(parts)
                end = whole.start + n_samples
                yield cut(whole, whole.start, end)
                parts = [cut(whole, end, whole.stop)] if end < whole.stop else []
        if parts:
            yield joined(parts)

    def follow_messages(self, start: int | None = None) -> Iterator[Message]:
        """All messages from sample `start` on, as they come, until the stream ends."""
        cursor = self.first if start is None else start
        begun = cursor
        while True:
            found = self._store.wait({self.name: cursor}, _LOOK_AGAIN_S, 64)
            if not found:
                now = self._store.info(self.name)
                self._must_be_ours(now.session if now else None)
            for _, entry in found:
                assert isinstance(entry, Entry)
                self._must_be_ours(entry.session)
                if entry.is_end:
                    return
                cursor = entry.stop
                for message in self._of(entry):
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
        found = np.asarray(samples)
        if found.ndim != 2 or found.shape[0] != self.info.n_channels or found.shape[1] == 0:
            shape = f"({self.info.n_channels} channels, n > 0)"
            raise ValueError(f"{self.name}: samples of shape {found.shape}, must be {shape}")
        found = np.ascontiguousarray(fitting(found, self.info.dtype, self.name))
        begin = len(self) if start is None else start
        for at in range(0, found.shape[1], self.info.longest_samples):
            piece = found[:, at : at + self.info.longest_samples]
            segment = Segment(begin + at, begin + at + piece.shape[1], piece, time.time_ns())
            self.append_message(segment)

    def append_message(self, message: Message) -> None:
        """Append one message whose window follows the stream's end."""
        payload = codec.pack([message], message.start, message.stop)
        entry = Entry(message.start, message.stop, payload, time.time_ns())
        self._writable().append([(self.name, entry)])

    def end(self) -> None:
        """Say that nothing follows."""
        length = len(self)
        entry = Entry(length, length, t_ns=time.time_ns(), is_end=True)
        self._writable().append([(self.name, entry)])

    def delete(self) -> None:
        """Remove the stream."""
        self._writable().delete(self.name)

    # Inside

    def _must_be_ours(self, session: str | None) -> None:
        if session != self.info.session:
            raise StoreError(f"{self.name}: its session has ended and another has begun")

    def _entries(self, start: int, stop: int) -> Iterator[Entry]:
        """The entries that overlap [start, stop), in pages."""
        if stop <= start:
            return
        until = stop + self.info.longest_samples - 1
        n_bytes = (
            self.info.n_channels * self.info.segment_samples * np.dtype(self.info.dtype).itemsize
        )
        count = max(1, _PAGE_BYTES // max(n_bytes, 256))
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

    def _of(self, entry: Entry) -> list[Message]:
        kind = codec.message_type(self.info.message)
        return codec.unpack(
            kind,
            entry.payload,
            entry.start,
            entry.stop,
            t_ns=entry.t_ns,
            is_estimated=entry.is_estimated,
        )

    def _report(self, start: int, stop: int, gaps: Gaps) -> None:
        first = self.first
        texts = ", ".join(f"{a} to {b}" for a, b in gaps)
        text = f"{self.name}: of samples {start} to {stop}, {texts} are missing"
        if gaps[0][0] < first:
            text += f"; kept are {first} to {len(self)}"
        raise GapError(text, gaps)

    def _must_be_segments(self) -> None:
        if not issubclass(codec.message_type(self.info.message), Segment):
            raise StoreError(f"{self.name}: holds {self.info.message}, read it with messages()")

    def _writable(self) -> StreamStore:
        if not hasattr(self._store, "append"):
            raise StoreError(f"{self.name}: a recording cannot be changed")
        return self._store  # type: ignore[return-value]  # has append, so it is a whole store


class Microvolts:
    """A stream of segments indexed and read in microvolts."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __getitem__(self, index: Any) -> NDArray[np.float64]:
        rows = index[0] if isinstance(index, tuple) else index
        return self._stream.scaled(self._stream[index], rows)

    def read(self, start: int, stop: int, *, fill: float | None = None) -> NDArray[np.float64]:
        """As `Stream.read`, in microvolts."""
        return self._stream.scaled(self._stream.read(start, stop, fill=fill))
