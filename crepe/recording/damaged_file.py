"""A private copy of a damaged HDF5 file, opened as far as that is possible, and its chunks."""

import shutil
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.environment.file_lock import HAS_LOCKS, lock
from crepe.errors import DeviceError
from crepe.hw.mcs.committed_file import complete_commit, journal_of
from crepe.hw.mcs.hdf5_file import one_line, open_hdf5
from crepe.recording.layout import STREAMS

UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, AttributeError,
    ArithmeticError, MemoryError,
)  # fmt: skip
"""What h5py raises for a damaged file, which may hold anything."""

# Superblock version 0 (HDF5 File Format Specification 3.0, section II.A): 96 bytes without a
# checksum. The file ends, for HDF5, at the address in the bytes from 40 on.
_HEAD_BYTES, _VERSION_AT, _END_AT = 96, 8, 40
_OTHER_VERSIONS = b"\2", b"\3"
_NO_SHUFFLE, _NO_DEFLATE = 0b01, 0b10  # filter mask: what was skipped for a chunk
_LARGEST_RATIO = 1032  # deflate makes at most so many bytes of one; recordings have no other way


def check_size(item: h5py.Group | h5py.Dataset) -> None:
    """Raise ValueError for a dataset that claims more than its whole file can hold.

    HDF5 gives zeros for rows that were never written, so that a length of billions, which one
    damaged byte makes, would fill the memory.
    """
    if isinstance(item, h5py.Dataset):
        most = _LARGEST_RATIO * item.file.id.get_filesize()
        if item.nbytes > most:
            raise ValueError(f"{item.name}: {item.nbytes} bytes, the file can hold {most} at most")


def open_copy(source: Path, directory: Path) -> h5py.File:
    """Copy a file and its journal into a directory, mend the copy's superblock, and open it.

    The end that the superblock gives becomes the true size of the file, so that what was cut off
    raises an error instead of being read as zeros. Raises DeviceError if nothing in it can be
    reached, or a writer has it open.
    """
    copy = directory / f"copy-of-{source.name}"  # the directory has other files, too
    _refuse_a_writer(source)
    shutil.copyfile(source, copy)
    if (journal := journal_of(source)).exists():
        shutil.copyfile(journal, journal_of(copy))
        complete_commit(copy)
    with copy.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    new = _superblock(directory)
    new = new[:_END_AT] + struct.pack("<Q", copy.stat().st_size) + new[_END_AT + 8 :]
    # What follows the end address leads to the root group: replaced only if it is of no use. A
    # superblock of another version is left alone, unless it is of no use either.
    is_other = head[_VERSION_AT : _VERSION_AT + 1] in _OTHER_VERSIONS
    problems = []
    for mended in (head if is_other else new[: _END_AT + 8] + head[_END_AT + 8 :], new):
        with copy.open("r+b") as file:
            file.write(mended)
        try:
            opened = open_hdf5(copy)
            if STREAMS in opened:
                return opened
            opened.close()
            problems.append(f"no group /{STREAMS} can be reached")
        except (DeviceError, *UNREADABLE) as error:
            problems.append(one_line(error).removeprefix(str(copy)).lstrip(": "))
    raise DeviceError(f"{source}: {problems[0]}")


def _refuse_a_writer(source: Path) -> None:
    try:
        with source.open("rb") as file:
            if HAS_LOCKS:  # without them nothing writes recordings
                lock(file.fileno(), is_shared=True)
    except BlockingIOError as error:
        raise DeviceError(f"{source}: is open in a program that writes it; stop that") from error
    except OSError as error:
        raise DeviceError(f"{source}: cannot be read: {error.strerror}") from error


def _superblock(directory: Path) -> bytes:
    """Return the superblock of a new file; its root group is always at the same place."""
    path = directory / "new.h5"
    with h5py.File(path, "w", libver=("earliest", "v108")):
        pass
    content = path.read_bytes()[:_HEAD_BYTES]
    path.unlink()
    return content


class Chunks:
    """The chunks of a dataset that grows along its last axis, each checked by itself.

    A compressed chunk has a checksum (Adler-32). One without is damaged if it cannot be read, or
    holds nothing but zeros, `n_zeros` of them or more (None: any number may have been written).

    Attributes
    ----------
    length
        Length of that axis. If the file cannot hold so much, it ends one row, which counts as
        lost, behind the last chunk.
    has_zeros
        Whether a chunk without a checksum that was read, and is not damaged, holds zeros only.
    """

    def __init__(self, dataset: h5py.Dataset, n_zeros: int | None) -> None:
        self._id = dataset.id
        self.length: int = dataset.shape[-1]
        self._dtype: np.dtype[Any] = dataset.dtype
        self._shape: tuple[int, ...] = dataset.chunks
        if dataset.shape[:-1] != self._shape[:-1]:
            raise ValueError(f"{dataset.name}: chunks of {self._shape} in {dataset.shape}")
        self._n = self._shape[-1]
        self._is_packed = dataset.compression is not None
        self._n_zeros = n_zeros
        self.has_zeros = False
        self._ambiguous, end = self._find_chunks()
        try:
            check_size(dataset)
        except ValueError:
            self.length = min(self.length, end + 1)
        self._last: tuple[int, NDArray[Any] | None] = -1, None
        self._damaged: set[int] = set()

    def _find_chunks(self) -> tuple[set[int], int]:
        """Return which chunks the index has twice, and where the last one that it has ends.

        Of two with one number, one belongs elsewhere.
        """
        seen: set[int] = set()
        twice: set[int] = set()

        def note(chunk: h5py.h5d.StoreInfo) -> None:
            number = chunk.chunk_offset[-1] // self._n
            (twice if number in seen else seen).add(number)

        with suppress(*UNREADABLE):  # a part of the index is lost: its chunks cannot be read either
            self._id.chunk_iter(note)
        return twice, (max(seen, default=-1) + 1) * self._n

    def good(self, begin: int, stop: int) -> list[tuple[int, int]]:
        """Return the undamaged windows of [begin, stop)."""
        windows: list[tuple[int, int]] = []
        for number in range(begin // self._n, -(-stop // self._n)):
            if self._chunk(number) is None:
                continue
            low, high = max(begin, number * self._n), min(stop, (number + 1) * self._n)
            if windows and windows[-1][1] == low:
                low = windows.pop()[0]
            windows.append((low, high))
        return windows

    def read(self, begin: int, stop: int) -> NDArray[Any] | None:
        """Return [begin, stop) along the last axis; None if it touches a damaged chunk."""
        if not 0 <= begin <= stop <= self.length:
            return None
        pieces = [np.empty((*self._shape[:-1], 0), self._dtype)]
        for number in range(begin // self._n, -(-stop // self._n) if stop > begin else 0):
            chunk = self._chunk(number)
            if chunk is None:
                return None
            at = number * self._n
            pieces.append(chunk[..., max(0, begin - at) : stop - at])
        return np.concatenate(pieces, axis=-1)

    def _chunk(self, number: int) -> NDArray[Any] | None:
        if number in self._damaged:
            return None
        if self._last[0] != number:
            self._last = number, self._read_chunk(number)
            if self._last[1] is None:
                self._damaged.add(number)
        return self._last[1]

    def _read_chunk(self, number: int) -> NDArray[Any] | None:
        n_bytes = self._dtype.itemsize * int(np.prod(self._shape))
        try:
            if number in self._ambiguous:
                return None
            offset = (0,) * (len(self._shape) - 1) + (number * self._n,)
            mask, data = self._id.read_direct_chunk(offset)
            skipped = mask if self._is_packed else _NO_SHUFFLE | _NO_DEFLATE
            if skipped & ~(_NO_SHUFFLE | _NO_DEFLATE):
                return None
            if not skipped & _NO_DEFLATE:
                data = zlib.decompress(data)
            elif not any(data):
                n_used = min(self._n, self.length - number * self._n)
                if self._n_zeros is not None and n_used >= self._n_zeros:
                    return None
                self.has_zeros = True
            if len(data) != n_bytes:
                return None
            if not skipped & _NO_SHUFFLE:
                data = np.frombuffer(data, np.uint8).reshape(self._dtype.itemsize, -1).T.tobytes()
            return np.frombuffer(data, self._dtype).reshape(self._shape)
        except (zlib.error, *UNREADABLE):
            return None
