"""The choice of a recording by name, the same for every command and for `Store`."""

from pathlib import Path

from crepe.environment import paths
from crepe.errors import DeviceError, suggest
from crepe.recording.parts import main_file

LAST = "last"


def recordings_in(directory: Path) -> dict[str, Path]:
    """Return the newest part of each recording in a directory, by the ID of its session."""
    return {
        (newest := main_file(path)).stem: newest
        for path in directory.glob("*.h5")
        if path.name[0] != "." and path.name.isprintable()
    }


def find_recording(name: str) -> Path:
    """Return a recording by its path, its session's ID, or `last`, which is the newest.

    Raises DeviceError if there is none of that name. A path need not exist.
    """
    directory = paths.var_directory() / "recordings"
    recordings = recordings_in(directory)
    if name == LAST:
        if not recordings:
            raise DeviceError(f"{directory}: no recording yet")
        return recordings[max(recordings)]  # IDs sort by time
    if name in recordings:
        return recordings[name]
    path = Path(name).expanduser()
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    raise DeviceError(f"{directory}: no session {name!r}{suggest(name, sorted(recordings))}")
