"""A file whose changes reach the disk all together, or not at all.

HDF5 changes a file in place, in many writes, in an order of its own. A writer that is killed
between two of them leaves an index that points to missing data. So committed data are overwritten
only after the whole next commit is in a journal beside the file (write-ahead logging: Gray and
Reuter 1993, chapter 9). This covers the death of the process, not a loss of power: no write waits
for the disk.
"""

# Decision 12: why not flush or SWMR.

import errno
import io
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crepe.environment.file_lock import lock

_PAGE_BYTES = 4096
_HEAD = struct.Struct("<8sQQL")  # magic, number of pages, size of the file, checksum of the rest
_MAGIC = b"CREPEjn1"


def journal_of(path: Path) -> Path:
    """Return the file beside `path` that holds a commit until it is carried out."""
    return path.with_name(f"{path.name}.journal")


class CommittedFile(io.RawIOBase):
    """An existing file, opened and locked for one writer; h5py takes it in place of a path.

    A write into the committed part stays in memory until `commit`. A write behind it goes to the
    disk at once, since nothing points there yet. Raises BlockingIOError if another process has the
    file open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal = journal_of(path)
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            # The lock comes first: the journal of a living writer must not be carried out.
            self._lock()
            _carry_out(self._journal, self._fd)
        except OSError:
            os.close(self._fd)
            raise
        self._position = 0
        self._is_discarded = False
        self._begin()

    def _lock(self) -> None:
        try:
            lock(self._fd)
        except OSError as error:
            if error.errno != errno.ENOSYS:  # of a file system without locks
                raise

    def _begin(self) -> None:
        """Begin the next commit."""
        self._pages: dict[int, bytearray] = {}  # changed, by number
        self._size = os.fstat(self._fd).st_size
        self._n_committed = -(-self._size // _PAGE_BYTES)  # pages that must not be changed yet

    def __repr__(self) -> str:
        return str(self._path)  # h5py shows it as the name of the file

    # Called by HDF5

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = begin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; with zeros where the file has ended."""
        target = memoryview(buffer).cast("B")
        begin, end = self._position, self._position + len(target)
        n = os.preadv(self._fd, [target], begin)
        target[n:] = bytes(len(target) - n)
        first, last = begin // _PAGE_BYTES, -(-end // _PAGE_BYTES)
        for number in range(first, min(last, self._n_committed)):
            if (page := self._pages.get(number)) is not None:
                at = number * _PAGE_BYTES
                low, high = max(begin, at), min(end, at + _PAGE_BYTES)
                target[low - begin : high - begin] = memoryview(page)[low - at : high - at]
        self._position = end
        return len(target)

    def write(self, data: Any) -> int:
        source = memoryview(data).cast("B")
        begin, end = self._position, self._position + len(source)
        if not self._is_discarded:
            n_in_pages = max(0, min(end, self._n_committed * _PAGE_BYTES) - begin)
            if n_in_pages:
                self._write_pages(source[:n_in_pages], begin)
            _write_all(self._fd, source[n_in_pages:], begin + n_in_pages)
            self._size = max(self._size, end)
        self._position = end
        return len(source)

    def _write_pages(self, source: memoryview, begin: int) -> None:
        end = begin + len(source)
        for number in range(begin // _PAGE_BYTES, -(-end // _PAGE_BYTES)):
            at = number * _PAGE_BYTES
            if number not in self._pages:
                page = os.pread(self._fd, _PAGE_BYTES, at)
                self._pages[number] = bytearray(page.ljust(_PAGE_BYTES, b"\0"))
            low, high = max(begin, at), min(end, at + _PAGE_BYTES)
            self._pages[number][low - at : high - at] = source[low - begin : high - begin]

    def truncate(self, size: int | None = None) -> int:
        """Set the size that the file will have with the next commit."""
        if not self._is_discarded:
            self._size = self._position if size is None else size
        return self._size

    # Called by the owner

    def commit(self) -> None:
        """Put all writes since the last commit into the file."""
        numbers = np.array(sorted(self._pages), "<u8")
        body = numbers.tobytes() + b"".join(self._pages[number] for number in numbers.tolist())
        head = _HEAD.pack(_MAGIC, len(numbers), self._size, zlib.crc32(body))
        journal = os.open(
            self._journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666
        )
        try:
            _write_all(journal, memoryview(head + body), 0)
        except BaseException:
            self._journal.unlink()  # it is incomplete, and takes space
            raise
        finally:
            os.close(journal)
        # The journal is whole now: after a kill the next process to open the file carries it out.
        _apply(self._fd, self._pages, self._size)
        self._journal.unlink()
        self._begin()

    def discard(self) -> None:
        """Leave the file as it was at the last commit; later writes are ignored."""
        self._is_discarded = True

    def close(self) -> None:
        """Close the file, and drop writes that were not committed; harmless to repeat."""
        if not self.closed:
            os.close(self._fd)
        super().close()


def complete_commit(path: Path) -> None:
    """Carry out the commit that a killed writer of `path` left in its journal, if there is one.

    Does nothing while a writer has the file. Raises OSError if the file cannot be changed.
    """
    journal = journal_of(path)
    if not journal.exists():
        return
    fd = os.open(path, os.O_RDWR)
    try:
        lock(fd)
    except OSError:  # a writer has the file, or the file system has no locks
        pass
    else:
        _carry_out(journal, fd)
    finally:
        os.close(fd)


def _carry_out(journal: Path, fd: int) -> None:
    """Carry out the commit of a writer that was killed, if all of it is in the journal."""
    try:
        content = journal.read_bytes()
    except FileNotFoundError:
        return
    if _is_whole(content):
        _, n_pages, size, _ = _HEAD.unpack_from(content)
        body = content[_HEAD.size :]
        numbers = np.frombuffer(body, "<u8", n_pages).tolist()
        begins = range(8 * n_pages, len(body), _PAGE_BYTES)
        pages = {n: body[at : at + _PAGE_BYTES] for n, at in zip(numbers, begins, strict=True)}
        _apply(fd, pages, size)
    journal.unlink()


def _is_whole(content: bytes) -> bool:
    """Whether a journal was written to its end."""
    if len(content) < _HEAD.size:
        return False
    magic, n_pages, _, checksum = _HEAD.unpack_from(content)
    body = memoryview(content)[_HEAD.size :]
    has_pages = len(body) == n_pages * (8 + _PAGE_BYTES)
    return bool(magic == _MAGIC and has_pages and zlib.crc32(body) == checksum)


def _apply(fd: int, pages: Mapping[int, bytes | bytearray], size: int) -> None:
    for number, page in pages.items():
        begin = number * _PAGE_BYTES
        if begin < size:
            _write_all(fd, memoryview(page)[: size - begin], begin)
    os.ftruncate(fd, size)


def _write_all(fd: int, data: memoryview, begin: int) -> None:
    done = 0
    while done < len(data):
        # A disk that becomes full takes a part; only the next call raises.
        done += os.pwrite(fd, data[done:], begin + done)
