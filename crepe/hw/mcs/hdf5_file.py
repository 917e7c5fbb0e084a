"""HDF5 files opened for reading; errors in one line."""

from pathlib import Path
from typing import TYPE_CHECKING

from crepe.errors import DeviceError
from crepe.hw.mcs.committed_file import complete_commit

if TYPE_CHECKING:
    import h5py  # slow to import: below where a file is opened


def open_hdf5(path: Path) -> "h5py.File":
    """Open an HDF5 file for reading, also while it is written. Raises DeviceError."""
    import h5py

    if not path.is_file():
        raise DeviceError(f"{path}: {'is no file' if path.exists() else 'does not exist'}")
    _complete(path)
    try:
        return _open(path)
    except OSError as error:
        if isinstance(error, PermissionError):
            raise DeviceError(f"{path}: may not be read by you") from error
        if "truncated" in str(error):
            size = path.stat().st_size
            raise DeviceError(
                f"{path}: truncated: {size} bytes, its header gives a larger size; copy it again"
            ) from error
        if not h5py.is_hdf5(path):
            raise DeviceError(f"{path}: not an HDF5 file") from error
        raise DeviceError(f"{path}: cannot be opened: {one_line(error)}") from error


def _complete(path: Path) -> None:
    """Carry out what a killed writer has left in its journal. Raises DeviceError."""
    try:
        complete_commit(path)
    except OSError as error:
        raise DeviceError(
            f"{path}: its writer was killed in the middle of a commit, which cannot be completed: "
            f"{error.strerror}; open it once as a user with the right to change it"
        ) from error


def _open(path: Path) -> "h5py.File":
    import h5py

    try:
        return h5py.File(path, "r", locking=False)  # a writer's lock must not keep readers out
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")  # this very process has it open with a lock


def one_line(error: BaseException) -> str:
    """Return the text of an error of HDF5, which may have many lines, in one line."""
    return " ".join(str(error).split())


def is_foreign(path: Path) -> bool:
    """Whether a file is one of MCS that no recorder of CREPE wrote; a missing one is not."""
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return "Data" in file and "CREPE" not in file
