"""Writes one stream's messages into its group of a recording, so that a crash leaves them whole."""

from collections import Counter, deque
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.hw import crepe_samples
from crepe.hw.crepe_layout import TEXT, Layout, info_from_json, info_to_json, message_type, to_json
from crepe.hw.crepe_samples import SampleWriter
from crepe.messages import Message, StreamInfo

_ROWS_PER_CHUNK = 512
_ITEMS_PER_CHUNK = 4096
_REMEMBERED = 256  # last messages of a file that is gone on with: they may come again


def create_stream(group: h5py.Group, info: StreamInfo) -> None:
    """The group's datasets for a stream without messages."""
    columns = Layout(message_type(info.message)).dtype
    group.create_dataset("info", data=info_to_json(info), dtype=TEXT)
    group.create_dataset("n_messages", data=np.zeros(1, np.int64))
    group.create_dataset("messages", (0,), columns, maxshape=(None,), chunks=(_ROWS_PER_CHUNK,))


class StreamWriter:
    """Appends messages to the group of one stream.

    `write` puts rows and arrays into the file; when the file has been flushed, `confirm` says
    that they are there. Readers believe the confirmed number of messages only, and one who goes
    on with the file begins behind them.

    Attributes
    ----------
    position
        The sample index before which everything is confirmed.
    """

    def __init__(self, group: h5py.Group) -> None:
        self.info = info_from_json(group["info"][()])
        self._group = group
        self._table = group["messages"]
        self._layout = Layout(message_type(self.info.message))
        if self._table.dtype.names != self._layout.columns:
            raise DeviceError(
                f"{group.file.filename}: {group.name} was recorded with other fields of "
                f"{self.info.message}: {', '.join(self._table.dtype.names)}"
            )
        self._n_written = int(group["n_messages"][0])
        if self._table.shape[0] > self._n_written:
            self._table.resize(self._n_written, axis=0)
        last = self._table[-_REMEMBERED:] if self._n_written else np.empty(0, self._table.dtype)
        self.position = int(self.column("stop").max(initial=0))
        self.newest = self.position  # where the last message that was taken stops
        self._written_position = self.position
        self._rows: deque[tuple[Any, ...]] = deque()
        self._arrays: dict[str, list[NDArray[Any]]] = {n: [] for n in self._layout.arrays}
        names = self._layout.matrices + self._layout.arrays
        self._ends = {name: int(last[f"{name}.stop"][-1]) if last.size else 0 for name in names}
        for name in self._layout.arrays:
            if name in group and group[name].shape[0] > self._ends[name]:
                group[name].resize(self._ends[name], axis=0)
        self._samples = {
            name: SampleWriter(group[name], self._ends[name])
            for name in self._layout.matrices
            if name in group
        }
        self._resumed_at = self.position
        self._known = Counter(self._layout.values_of_row(row) for row in last)

    @property
    def kind(self) -> type[Message]:
        return self._layout.kind

    @property
    def n_samples(self) -> int:
        """How many samples of all channels are in the file."""
        return min((samples.n_written for samples in self._samples.values()), default=0)

    def column(self, name: str) -> NDArray[Any]:
        """A column of the table as it is in the file; not one of text."""
        found: NDArray[Any] = self._table.fields(name)[()]
        return found

    def append(self, message: Message) -> bool:
        """Take a message; False if the file has it already."""
        values = self._layout.values(message)
        if message.stop <= self._resumed_at and self._known[values] > 0:
            self._known[values] -= 1
            return False
        for name in self._layout.matrices:
            samples = getattr(message, name)
            self._samples_of(name, samples).append(samples)
            self._ends[name] = self._samples[name].n_samples
        arrays = {name: np.asarray(getattr(message, name)) for name in self._layout.arrays}
        for name, array in arrays.items():
            self._arrays[name].append(array.ravel())
            self._ends[name] += array.size
        shapes = (to_json(array.shape) for array in arrays.values())
        self._rows.append((*values, *self._ends.values(), *shapes))
        self.newest = max(self.newest, message.stop)
        return True

    def write(self, *, with_rest: bool) -> None:
        """Put what is there into the file; of samples full chunks only, unless `with_rest`."""
        for samples in self._samples.values():
            if with_rest:
                samples.write_rest()
        for name, pending in self._arrays.items():
            if pending:
                _extend(self._array_of(name, pending[0].dtype), np.concatenate(pending))
                pending.clear()
        rows = self._whole_rows()
        if rows:
            written = np.array(rows, self._layout.dtype)
            _extend(self._table, written)
            self._n_written += len(rows)
            self._written_position = max(self._written_position, int(written["stop"].max()))

    def confirm(self) -> None:
        """Say that all that was written before the last flush is there."""
        self._group["n_messages"][0] = self._n_written
        self.position = self._written_position

    def _whole_rows(self) -> list[tuple[Any, ...]]:
        if not self._layout.matrices:
            rows = list(self._rows)
            self._rows.clear()
            return rows
        column = self._layout.columns.index(f"{self._layout.matrices[0]}.stop")
        rows = []
        while self._rows and self._rows[0][column] <= self.n_samples:
            rows.append(self._rows.popleft())
        return rows

    def _samples_of(self, name: str, samples: NDArray[Any]) -> SampleWriter:
        if name not in self._samples:
            chunk = crepe_samples.chunk_samples(self.info.sampling_rate_hz)
            made = crepe_samples.create(self._group, name, len(samples), samples.dtype, chunk)
            self._samples[name] = SampleWriter(made, 0)
        writer = self._samples[name]
        if len(samples) != writer.n_channels or not np.can_cast(samples.dtype, writer.dtype):
            raise DeviceError(
                f"{self._place}: {len(samples)} channels of {samples.dtype}, "
                f"the recording has {writer.n_channels} of {writer.dtype}"
            )
        return writer

    def _array_of(self, name: str, dtype: np.dtype[Any]) -> h5py.Dataset:
        if name not in self._group:
            self._group.create_dataset(
                name, (0,), dtype, maxshape=(None,), chunks=(_ITEMS_PER_CHUNK,)
            )
        found = self._group[name]
        if not np.can_cast(dtype, found.dtype):
            raise DeviceError(f"{self._place}, {name}: {dtype}, the recording has {found.dtype}")
        return found

    @property
    def _place(self) -> str:
        return f"{self._group.file.filename}, {self._group.name}"


def _extend(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    n = dataset.shape[0]
    dataset.resize(n + len(values), axis=0)
    dataset[n:] = values
