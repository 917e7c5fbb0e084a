"""The directory of run-time files: `var/` of the clone or of the working directory, or CREPE_VAR.

    var/            0700
      run/          sockets, and small JSON files about the running programs
      redis/        the append-only file
      log/          one log per program
      recordings/   one HDF5 file per session
      reports/      pages of `crepe report`, a directory per session
      sweeps/       results of `crepe sweep`, a directory per sweep file

Sockets need a short path on a file system that allows them; where `var/run` is neither, the run
directory moves to a private temporary directory whose name follows from `var`.
"""

import hashlib
import json
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crepe.errors import ConfigError

_SOCKET_PATH_LIMIT = 90  # sun_path holds 104 bytes on macOS, 108 on Linux; room for a suffix


def project_directory() -> Path:
    """Return the clone that this package runs from, else the current directory."""
    return _clone() or Path.cwd()


def experiments_directory() -> Path:
    """Return the directory of CREPE's own experiment files: `config/` of a clone (decision 66)."""
    clone = _clone()
    return clone / "config" if clone else Path(__file__).resolve().parents[1] / "experiments"


def _clone() -> Path | None:
    """Return the clone that this package runs from; None for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "supervisord.conf").is_file() else None


def var_directory() -> Path:
    """Return the directory for run-time files, without creating it."""
    chosen = os.environ.get("CREPE_VAR")
    return Path(chosen).expanduser().absolute() if chosen else project_directory() / "var"


def experiment_path() -> Path | None:
    """Return the experiment file that the programs were started with; None for the default one."""
    chosen = os.environ.get("CREPE_EXPERIMENT")
    return Path(chosen) if chosen else None


def private(directory: Path) -> Path:
    """Create a directory if it is missing, make it readable by its owner only, and return it.

    Raises ConfigError if it cannot be created, or belongs to another user.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{directory}: cannot be created: {error.strerror}; CREPE_VAR and TMPDIR must name "
            "directories that you may write to"
        ) from error
    if os.name == "posix":
        status = directory.stat()
        # In the shared temporary directory another user may have created it first.
        if status.st_uid != os.getuid():
            raise ConfigError(f"{directory}: belongs to user {status.st_uid}, must be yours")
        if stat.S_IMODE(status.st_mode) & 0o077:
            directory.chmod(0o700)
    return directory


def run_directory(var: Path | None = None) -> Path:
    """Create and return the directory for sockets and run files of `var`, by default ours."""
    # Made in any case: where `var` is missing, nothing has ever run.
    var = private(var or var_directory())
    preferred = var / "run"
    has_room = len(os.fsencode(preferred / "redis.sock")) <= _SOCKET_PATH_LIMIT
    # Run files that exist prove that sockets worked, even if the disk is full by now.
    if has_room and (any(private(preferred).glob("*.json")) or _holds_sockets(preferred)):
        return preferred
    return private(temporary() / hashlib.sha256(os.fsencode(var)).hexdigest()[:12])


def temporary() -> Path:
    """Create and return the directory of this user among temporary files."""
    user = os.getuid() if os.name == "posix" else "user"
    return private(Path(tempfile.gettempdir()) / f"crepe-{user}")


def _holds_sockets(directory: Path) -> bool:
    """Return whether the file system of a directory takes sockets and hard links to them."""
    if not hasattr(socket, "AF_UNIX"):
        return True
    probe = directory / f".probe-{os.getpid()}"
    link = probe.with_suffix(".link")
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(probe))
        link.hardlink_to(probe)  # supervisord puts its socket in place by a hard link
        return True
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
        link.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a small file in one step, so that a reader never sees half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.chmod(0o600)
    part.replace(path)


def read_json(path: Path | str) -> dict[str, Any] | None:
    """Return the content of a file written by `write_json`, or None if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON ({error}); remove it") from error
    return content if isinstance(content, dict) else None


def announce(var: Path) -> None:
    """Announce the server of `var` to this user's programs in any directory; see `announced`."""
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    write_json(private(temporary() / "running") / f"{name}.json", {"var": str(var)})


def announced(problem: Callable[[str], object] = lambda _: None) -> list[Path]:
    """Return the `var` directories in which this user has started a server; it may have ended.

    An announcement that cannot be read is left out, and `problem` is called with the reason.
    """
    directories = []
    try:
        for path in sorted(private(temporary() / "running").glob("*.json")):
            try:
                content = read_json(path)
                if content and "var" in content:
                    directories.append(Path(content["var"]))
            except (ConfigError, OSError, TypeError) as error:
                problem(f"{path}: {error}")
    except (ConfigError, OSError) as error:
        problem(f"what runs with another CREPE_VAR: {error}")
    return directories


def searched(
    *, is_ours: bool = False, problem: Callable[[str], object] = lambda _: None
) -> list[Path]:
    """Return the `var` directories to search for running programs, our own first.

    Others are searched where CREPE_VAR is not set, so that commands work in any directory. They are
    not if `is_ours`: a program never connects to the server of another clone.
    """
    is_chosen = is_ours or "CREPE_VAR" in os.environ
    return [var_directory(), *([] if is_chosen else announced(problem))]


def import_from(directory: Path) -> None:
    """Let modules be imported from a directory, after installed ones of the same name."""
    path = str(directory.resolve())
    if path not in sys.path:
        sys.path.append(path)
