"""An HDF5 file that changes only by commits."""

# Decision 12: why not flush or SWMR.

import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py

from crepe.hw.mcs.committed_file import CommittedFile

_METADATA_BYTES = 1 << 19  # of HDF5's cache; in memory it takes seven times that


class CommittedHdf5:
    """An existing HDF5 file, open for its only writer.

    However the process ends, the file has afterwards the state of the last commit. Raises as
    `CommittedFile` and `h5py.File` do.

    Attributes
    ----------
    file
        The file object of h5py; false once it is closed.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        self._disk = CommittedFile(path)
        try:
            self.file = h5py.File(self._disk, "r+", **options)
        except BaseException:
            self._disk.close()
            raise
        _limit_metadata_cache(self.file)
        # HDF5 closes open files after the interpreter's end, and crashes if this file object of
        # Python raises then; so the file is closed by the end of the interpreter.
        self._finalizer = weakref.finalize(self, _discard, self.file, self._disk)

    def commit(self) -> None:
        """Make everything written so far permanent."""
        self.file.flush()  # HDF5 keeps changes in its own caches until then
        self._disk.commit()

    def discard(self) -> None:
        """Close the file in the state of the last commit; harmless to repeat."""
        self._finalizer()

    def close(self) -> None:
        """Commit, and close the file."""
        self.file.close()
        self._disk.commit()
        self._disk.close()
        self._finalizer.detach()


def _limit_metadata_cache(file: h5py.File) -> None:
    """Keep the cache at one size: a writer needs only the ends of its indices."""
    config = file.id.get_mdc_config()
    config.set_initial_size = True
    config.initial_size = config.min_size = config.max_size = _METADATA_BYTES
    file.id.set_mdc_config(config)


def _discard(file: h5py.File, disk: CommittedFile) -> None:
    disk.discard()  # first: what HDF5 writes while it closes is ignored
    with suppress(OSError, RuntimeError, ValueError):  # its changes are dropped anyway
        file.close()
    disk.close()
