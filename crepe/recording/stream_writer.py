"""Writer of one stream's messages into its group of a recording, safe against a crash."""

import math
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.messages import Message, StreamInfo, message_type
from crepe.recording.layout import TEXT, Layout, info_from_json, info_to_json, parts
from crepe.recording.samples import SampleWriter, chunk_samples, create_column, create_matrix

_ROWS_PER_CHUNK = 512
_ITEMS_PER_CHUNK = 4096
_BYTES_PER_CHUNK = 16_384
_REMEMBERED = 256  # last messages of a continued file: they may come again


def create_stream(group: h5py.Group, info: StreamInfo) -> None:
    """Create the group's datasets for a stream without messages."""
    columns = Layout(message_type(info.message, DeviceError)).dtype
    group.create_dataset("info", data=info_to_json(info), dtype=TEXT)
    group.create_dataset("n_messages", data=np.zeros(1, np.int64))
    create_column(group, "messages", columns, _ROWS_PER_CHUNK)
    create_column(group, "json", np.dtype(np.uint8), _BYTES_PER_CHUNK)
    group.create_group("fields")


class StreamWriter:
    """A writer that appends messages to the group of one stream.

    `write` puts rows and arrays into the file and counts them; after the commit, `confirm` moves
    `position`. Readers rely on the number of messages only, and a writer that continues the file
    begins after them. Samples that come faster than `compress_mb_per_s` are not compressed.

    Attributes
    ----------
    position
        Sample index before which everything is confirmed.
    begins
        Start of the first message in a later part of a recording; None without a message.
    stop_before
        Stop of the stream in the earlier parts, as far as they can be read.
    """

    def __init__(self, group: h5py.Group, compress_mb_per_s: float = math.inf) -> None:
        self.info = info_from_json(group["info"][()])
        self._compress_mb_per_s = compress_mb_per_s
        self._group = group
        begins = group.attrs.get("begins")
        self.begins = None if begins is None else int(begins)
        self.stop_before = int(group.attrs.get("stop_before", 0))
        self._table = group["messages"]
        self._fields = group["fields"]
        self._layout = Layout(message_type(self.info.message, DeviceError))
        if self._table.dtype.names != self._layout.columns:
            raise DeviceError(
                f"{group.file.filename}: {group.name} was recorded with other fields of "
                f"{self.info.message}: {', '.join(self._table.dtype.names)}"
            )
        self._n_written = int(group["n_messages"][0])
        _truncate(self._table, self._n_written)
        self.position = int(self.column("stop").max(initial=0))
        self.newest = self.position  # stop of the last message that was taken
        self._written_position = self.position
        self._rows: deque[tuple[Any, ...]] = deque()
        self._json: list[bytes] = []
        self._json_end = self._end("json_stop")
        self._arrays: dict[str, list[NDArray[Any]]] = {n: [] for n in self._layout.arrays}
        names = self._layout.matrices + self._layout.arrays
        self._ends = {name: self._end(f"{name}.stop") for name in names}
        self._samples: dict[str, SampleWriter] = {}
        _truncate(group["json"], self._json_end)
        for name, dataset in self._fields.items():
            if name in self._layout.matrices:
                self._samples[name] = self._sample_writer(dataset, self._ends[name])
            else:
                _truncate(dataset, self._ends[name])
        self._resumed_at = self.position
        self._repeatable = Counter(self._last_messages())

    @property
    def kind(self) -> type[Message]:
        """Class of the messages."""
        return self._layout.kind

    @property
    def n_samples(self) -> int:
        """Number of samples of all channels that are in the file."""
        return min((samples.n_written for samples in self._samples.values()), default=0)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of the table from the file."""
        column: NDArray[Any] = self._table.fields(name)[()]
        return column

    def array(self, name: str) -> NDArray[Any]:
        """Return a field of arrays from the file; empty if it has none."""
        array: NDArray[Any] = self._fields[name][()] if name in self._fields else np.empty(0)
        return array

    def json(self, n_last: int | None = None) -> list[bytes]:
        """Return the JSON of the `n_last` last messages in the file; None: of all."""
        stops = self.column("json_stop")
        first = 0 if n_last is None else max(0, len(stops) - n_last)
        begin = int(stops[first - 1]) if first else 0
        return [part.tobytes() for part in parts(self._group["json"], begin, stops[first:])]

    def messages(self) -> list[Message]:
        """Return the messages in the file, of a type without arrays."""
        rows = zip(self._table[()], self.json(), strict=True)
        return [self._layout.message(row, json, {}) for row, json in rows]

    def append(self, message: Message) -> bool:
        """Take a message; return False if the file has it already."""
        numbers, json = self._layout.row(message), self._layout.json(message)
        # after a restart a message is dropped as often as the file has an equal one
        if message.stop <= self._resumed_at and self._repeatable[numbers, json] > 0:
            self._repeatable[numbers, json] -= 1
            return False
        for name in self._layout.matrices:
            samples = getattr(message, name)
            self._samples_of(name, samples).append(samples)
            self._ends[name] = self._samples[name].n_samples
        for name, pending in self._arrays.items():
            array = np.asarray(getattr(message, name))
            pending.append(array.ravel())
            self._ends[name] += array.size
        if json:
            self._json.append(json)
            self._json_end += len(json)
        self._rows.append((*numbers, self._json_end, *self._ends.values()))
        self.newest = max(self.newest, message.stop)
        return True

    def begin(self, start: int) -> None:
        """Write the sample index at which a later part of a recording begins."""
        self.begins = start
        self._group.attrs["begins"] = start

    def _last_messages(self) -> Iterator[tuple[tuple[Any, ...], bytes]]:
        """Yield numbers and JSON of the last messages in the file, without their arrays."""
        first = max(0, self._n_written - _REMEMBERED)
        n_numbers = len(self._layout.numbers)
        for row, json in zip(self._table[first:].tolist(), self.json(_REMEMBERED), strict=True):
            yield row[:n_numbers], json

    def _end(self, column: str) -> int:
        return int(self._table[-1][column]) if self._n_written else 0

    def write(self, *, with_rest: bool) -> None:
        """Write the messages taken; of samples full chunks only, unless `with_rest`."""
        for samples in self._samples.values():
            if with_rest:
                samples.write_rest()
        for name, pending in self._arrays.items():
            if pending:
                _extend(self._array_of(name, pending[0].dtype), np.concatenate(pending))
                pending.clear()
        if self._json:
            _extend(self._group["json"], np.frombuffer(b"".join(self._json), np.uint8))
            self._json.clear()
        rows = self._whole_rows()
        if rows:
            written = np.array(rows, self._layout.dtype)
            _extend(self._table, written)
            self._n_written += len(rows)
            self._written_position = max(self._written_position, int(written["stop"].max()))
            self._group["n_messages"][0] = self._n_written

    def confirm(self) -> None:
        """Note that everything written has been committed."""
        self.position = self._written_position

    def _whole_rows(self) -> list[tuple[Any, ...]]:
        if not self._layout.matrices:
            rows = list(self._rows)
            self._rows.clear()
            return rows
        # A row counts only with its samples, which may wait for their chunk to be full.
        column = self._layout.columns.index(f"{self._layout.matrices[0]}.stop")
        rows = []
        while self._rows and self._rows[0][column] <= self.n_samples:
            rows.append(self._rows.popleft())
        return rows

    def _samples_of(self, name: str, samples: NDArray[Any]) -> SampleWriter:
        if name not in self._samples:
            chunk = chunk_samples(self.info.sampling_rate_hz)
            matrix = create_matrix(self._fields, name, len(samples), samples.dtype, chunk)
            self._samples[name] = self._sample_writer(matrix, 0)
        writer = self._samples[name]
        if len(samples) != writer.n_channels or not np.can_cast(samples.dtype, writer.dtype):
            raise DeviceError(
                f"{self._place}: {len(samples)} channels of {samples.dtype}, "
                f"the recording has {writer.n_channels} of {writer.dtype}"
            )
        return writer

    def _sample_writer(self, matrix: h5py.Dataset, n_samples: int) -> SampleWriter:
        mb_per_s = matrix.shape[0] * matrix.dtype.itemsize * self.info.sampling_rate_hz / 1e6
        return SampleWriter(matrix, n_samples, compresses=mb_per_s <= self._compress_mb_per_s)

    def _array_of(self, name: str, dtype: np.dtype[Any]) -> h5py.Dataset:
        # Created late, since only the first message shows the dtype.
        if name not in self._fields:
            create_column(self._fields, name, dtype, _ITEMS_PER_CHUNK)
        dataset = self._fields[name]
        if not np.can_cast(dtype, dataset.dtype):
            raise DeviceError(f"{self._place}, {name}: {dtype}, the recording has {dataset.dtype}")
        return dataset

    @property
    def _place(self) -> str:
        return f"{self._group.file.filename}, {self._group.name}"


def _truncate(dataset: h5py.Dataset, n: int) -> None:
    if dataset.shape[0] > n:
        dataset.resize(n, axis=0)


def _extend(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    n = dataset.shape[0]
    dataset.resize(n + len(values), axis=0)
    dataset[n:] = values
