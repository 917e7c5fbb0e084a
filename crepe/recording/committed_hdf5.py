"""An HDF5 file that changes by commits."""

import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py

from crepe.hw.mcs.committed_file import CommittedFile


class CommittedHdf5:
    """An existing HDF5 file, opened for its one writer.

    However the process ends, the file is afterwards as at the last commit. Raises as
    `CommittedFile` and `h5py.File` do.

    Attributes
    ----------
    file
        As h5py gives it; false once it is closed.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        self._disk = CommittedFile(path)
        try:
            self.file = h5py.File(self._disk, "r+", **options)
        except BaseException:
            self._disk.close()
            raise
        # At the latest when the interpreter ends: HDF5 closes later what is open then, and crashes
        # if this file object of Python raises in the meantime.
        self._finalizer = weakref.finalize(self, _discard, self.file, self._disk)

    def commit(self) -> None:
        """Let everything that was written be in the file."""
        self.file.flush()
        self._disk.commit()

    def discard(self) -> None:
        """Close the file and leave it as it was at the last commit; harmless to repeat."""
        self._finalizer()

    def close(self) -> None:
        """Commit, and close the file."""
        self.file.close()
        self._disk.commit()
        self._disk.close()
        self._finalizer.detach()


def _discard(file: h5py.File, disk: CommittedFile) -> None:
    disk.discard()
    with suppress(OSError, RuntimeError, ValueError):  # nothing of it is kept
        file.close()
    disk.close()
