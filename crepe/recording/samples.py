"""Samples of many channels on disk: a matrix that grows by whole chunks and stays readable.

A chunk is written once, when it is full. One that must be written before (at the end, when nothing
comes any more, or when a writer goes on behind the last confirmed sample) is stored unpacked, so
that its later, fuller version takes exactly its place.
"""

import zlib
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_PACKED, _PLAIN = 0, 0b11  # masks: all filters used, both (shuffle, deflate) skipped
_LONGEST_CHUNK, _SHORTEST_CHUNK = 2048, 64


def chunk_samples(sampling_rate_hz: float) -> int:
    """A power of two of at most a quarter of a second, 2048 (as MCS does) or less."""
    quarter_s = max(1, int(sampling_rate_hz / 4))
    return min(_LONGEST_CHUNK, max(_SHORTEST_CHUNK, 1 << (quarter_s.bit_length() - 1)))


def create_matrix(
    group: h5py.Group, name: str, n_channels: int, dtype: np.dtype[Any], chunk: int
) -> h5py.Dataset:
    """An empty matrix. Integers are packed (noise to about 0.4 at 3 % of a core for 60 channels at
    10 kHz); floating point is not: it would shrink by a seventh and cost more."""
    is_packed = dtype.kind in "iu"
    return group.create_dataset(
        name,
        shape=(n_channels, 0),
        maxshape=(n_channels, None),
        dtype=dtype,
        chunks=(n_channels, chunk),
        compression="gzip" if is_packed else None,
        compression_opts=1 if is_packed else None,
        shuffle=is_packed,
    )


class SampleWriter:
    """Appends to a matrix made by `create`.

    Attributes
    ----------
    n_channels, dtype
        Of the matrix.
    n_samples
        How many were appended, in the file or not.
    n_written
        How many of them are in the file.
    """

    def __init__(self, dataset: h5py.Dataset, n_samples: int) -> None:
        self._dataset = dataset
        self._chunk: int = dataset.chunks[1]
        self._is_packed = dataset.compression is not None
        self.n_channels: int = dataset.shape[0]
        self.dtype: np.dtype[Any] = dataset.dtype
        self._buffer = np.zeros(dataset.chunks, self.dtype)
        self.n_samples = n_samples
        self._begin = n_samples - n_samples % self._chunk  # of the chunk in the buffer
        self._buffer[:, : n_samples - self._begin] = dataset[:, self._begin : n_samples]
        self._mask = _PACKED
        self._go_on()

    def _go_on(self) -> None:
        """Drop what follows the last sample; a chunk of which something is left becomes plain."""
        if self._dataset.shape[1] > self._begin:
            self._dataset.resize(self._begin, axis=1)
        self.n_written = self._begin
        self.write_rest()

    def append(self, samples: NDArray[Any]) -> None:
        """Take (n_channels, n) more samples; full chunks go to the file."""
        done, n = 0, samples.shape[1]
        while done < n:
            at = self.n_samples - self._begin
            part = min(n - done, self._chunk - at)
            self._buffer[:, at : at + part] = samples[:, done : done + part]
            self.n_samples += part
            done += part
            if at + part == self._chunk:
                self._write(self._mask)
                self._begin = self.n_samples
                self._mask = _PACKED

    def write_rest(self) -> None:
        """Write the chunk that is not full yet, too."""
        if self.n_written < self.n_samples:
            self._mask = _PLAIN
            self._buffer[:, self.n_samples - self._begin :] = 0
            self._write(_PLAIN)

    def _write(self, mask: int) -> None:
        data = self._buffer.tobytes()
        if self._is_packed and mask == _PACKED:
            octets = self._buffer.reshape(-1).view(np.uint8).reshape(-1, self._buffer.itemsize)
            data = zlib.compress(octets.T.tobytes(), 1)
        self._dataset.resize(self.n_samples, axis=1)
        self._dataset.id.write_direct_chunk((0, self._begin), data, mask if self._is_packed else 0)
        self.n_written = self.n_samples
