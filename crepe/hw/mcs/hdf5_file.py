"""HDF5 files opened for reading, alone; errors in one line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crepe.errors import DeviceError
from crepe.hw.mcs.committed_file import complete_commit

if TYPE_CHECKING:
    import h5py  # slow to import: below where a file is opened


def open_hdf5(path: Path) -> "h5py.File":
    """Open an HDF5 file for reading, also while it is written.

    Raises DeviceError, also for a file that takes data from other files: one from a stranger
    could make samples out of any file of the reader.
    """
    import h5py

    if not path.is_file():
        raise DeviceError(f"{path}: {'is no file' if path.exists() else 'does not exist'}")
    _complete(path)
    try:
        file = _open(path)
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
    if outside := _outside(file, set()):
        file.close()
        raise DeviceError(f"{path}: {outside}; a recording must hold its own data")
    return file


def _outside(group: "h5py.Group", seen: set[int]) -> str:
    """Return what in a group takes data from another file, or "".

    What cannot be opened gives no data; a soft link leads to a place that is looked at by itself.
    """
    import h5py

    for name in group:
        place = f"{group.name.rstrip('/')}/{name}"
        try:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return f"{place} is a link to the file {link.filename!r}"
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                if item.external:
                    return f"{place} has its data in the file {item.external[0][0]!r}"
                if item.is_virtual:
                    return f"{place} is a virtual dataset, which reads other files"
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:
                    seen.add(address)
                    if outside := _outside(item, seen):
                        return outside
        except (OSError, KeyError, ValueError, RuntimeError, TypeError):  # of a damaged file
            continue
    return ""


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


def single(value: Any) -> Any:
    """Return an attribute's value; converters, such as MATLAB's h5write, store arrays of one."""
    return value.flat[0] if isinstance(value, np.ndarray) and value.size == 1 else value


def text_of(value: Any) -> str:
    """Return a string as MCS software writes it: padded, of any length and encoding."""
    value = single(value)
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            value = value.decode("latin-1")
    return str(value).strip().rstrip("\0").strip()
