"""Samples of many channels on disk: a matrix that grows by whole chunks and stays readable.

A chunk is written once, when it is full. A chunk that must be written earlier (at the end, when no
input comes, or when a writer continues after the last confirmed sample) is stored uncompressed, so
that its later, fuller version has exactly its size. A signal too fast to be compressed is stored at
its full size, in the same format and with the same checksum.
"""

# Decision 96: which signals are compressed.

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

# Filters that every HDF5 reader has, those of MCS among them.
_PACKED: Mapping[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
# masks: both filters (shuffle, deflate) used, only deflate, both skipped
_ALL, _ONLY_DEFLATE, _NONE = 0, 0b01, 0b11
_LONGEST_CHUNK, _SHORTEST_CHUNK = 2048, 64


def chunk_samples(sampling_rate_hz: float) -> int:
    """Return a chunk's length: a power of two, up to 2048 (as MCS) or a quarter of a second."""
    quarter_s = max(1, int(sampling_rate_hz / 4))
    return min(_LONGEST_CHUNK, max(_SHORTEST_CHUNK, 1 << (quarter_s.bit_length() - 1)))


def create_matrix(
    group: h5py.Group, name: str, n_channels: int, dtype: np.dtype[Any], chunk: int
) -> h5py.Dataset:
    """Create an empty matrix, compressed."""
    return group.create_dataset(
        name,
        shape=(n_channels, 0),
        maxshape=(n_channels, None),
        dtype=dtype,
        chunks=(n_channels, chunk),
        **_PACKED,
    )


def create_column(group: h5py.Group, name: str, dtype: np.dtype[Any], chunk: int) -> h5py.Dataset:
    """Create an empty dataset of one axis, compressed."""
    return group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(chunk,), **_PACKED)


class SampleWriter:
    """A writer that appends to a matrix of `create_matrix`.

    Parameters
    ----------
    compresses
        Whether full chunks are compressed.

    Attributes
    ----------
    n_channels, dtype
        Of the matrix.
    n_samples
        Number of samples appended, in the file or not.
    n_written
        Number of these that are in the file.
    """

    def __init__(self, dataset: h5py.Dataset, n_samples: int, *, compresses: bool = True) -> None:
        self._dataset = dataset
        self._chunk: int = dataset.chunks[1]
        self._is_packed = dataset.compression is not None
        self.n_channels: int = dataset.shape[0]
        self.dtype: np.dtype[Any] = dataset.dtype
        self._stored = None if compresses else _StoredRows(dataset.chunks, self.dtype)
        self._buffer = (
            np.zeros(dataset.chunks, self.dtype) if self._stored is None else self._stored.rows
        )
        self.n_samples = n_samples
        self._begin = n_samples - n_samples % self._chunk  # of the chunk in the buffer
        self._buffer[:, : n_samples - self._begin] = dataset[:, self._begin : n_samples]
        self._full_mask = _ALL if compresses else _ONLY_DEFLATE
        self._mask = self._full_mask
        self._continue()

    def _continue(self) -> None:
        """Drop everything after the last sample; a partial chunk is stored uncompressed."""
        if self._dataset.shape[1] > self._begin:
            self._dataset.resize(self._begin, axis=1)
        self.n_written = self._begin
        self.write_rest()

    def append(self, samples: NDArray[Any]) -> None:
        """Append samples, (n_channels, n); write full chunks to the file."""
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
                self._mask = self._full_mask

    def write_rest(self) -> None:
        """Write the partial chunk, too."""
        if self.n_written < self.n_samples:
            # The mask stays until the chunk is full: its fuller version must take the same place.
            self._mask = _NONE
            self._buffer[:, self.n_samples - self._begin :] = 0  # left from the chunk before
            self._write(_NONE)

    def _write(self, mask: int) -> None:
        data: bytes | NDArray[np.uint8]
        if not self._is_packed or mask == _NONE:
            data = self._buffer.tobytes()
        elif self._stored is not None:
            data = self._stored.stream()
        else:
            # as HDF5's shuffle filter: the first bytes of all items, then their second bytes, ...
            octets = self._buffer.reshape(-1).view(np.uint8).reshape(-1, self._buffer.itemsize)
            data = _deflate(octets.T.tobytes())
        self._dataset.resize(self.n_samples, axis=1)
        # direct, to choose for each chunk whether it is compressed
        self._dataset.id.write_direct_chunk((0, self._begin), data, mask if self._is_packed else 0)
        self.n_written = self.n_samples


class _StoredRows:
    """Rows of samples at their places in the deflate stream that stores them (RFC 1950 and 1951).

    Each row is a stored block, of at most 64 kB. To put the stream together for each chunk, as zlib
    does, would copy all of it once more, and as a rule into memory that is new.

    Attributes
    ----------
    rows
        The samples, (n_channels, n_samples).
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        n_rows, n_bytes = shape[0], shape[1] * dtype.itemsize
        head = struct.pack("<BHH", 0, n_bytes, ~n_bytes & 0xFFFF)
        self._stream = np.zeros(2 + n_rows * (len(head) + n_bytes) + 4, np.uint8)
        self._stream[:2] = 0x78, 0x01
        blocks = self._stream[2:-4].reshape(n_rows, -1)
        blocks[:, : len(head)] = list(head)
        blocks[-1, 0] = 1  # the last one
        self._octets = blocks[:, len(head) :]
        strides = blocks.shape[1], dtype.itemsize
        self.rows: NDArray[Any] = np.ndarray(shape, dtype, self._stream, 2 + len(head), strides)

    def stream(self) -> NDArray[np.uint8]:
        """Return the whole stream, which ends with the checksum of all rows."""
        checksum = 1
        for row in self._octets:
            checksum = zlib.adler32(row.data, checksum)
        self._stream[-4:] = list(struct.pack(">I", checksum))
        return self._stream


def _deflate(octets: bytes) -> bytes:
    """Return a deflate stream that looks for runs only, and not for repeated sequences.

    Noise repeats nothing, but its high bytes are runs: the result is smaller than that of the
    usual search, in less time. Any reader of gzip expands it.
    """
    packer = zlib.compressobj(strategy=zlib.Z_RLE)
    return packer.compress(octets) + packer.flush()
