"""Where run-time files live: `var/` beside supervisord.conf, or where CREPE_VAR says.

    var/            0700
      run/          sockets and small JSON files that say what runs where
      redis/        the append-only file
      log/          one log per program
      recordings/   one HDF5 file per session
      reports/      what `crepe report` wrote, a directory per session

Sockets need a short path on a file system that allows them; where `var/run` is neither, the run
directory moves to a private temporary directory whose name follows from `var`.
"""

import hashlib
import json
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

from crepe.errors import ConfigError

_SOCKET_PATH_LIMIT = 90  # sun_path holds 104 bytes on macOS, 108 on Linux; room for a suffix


def project_directory() -> Path:
    """The directory with supervisord.conf: the clone this package runs from, else the current."""
    clone = Path(__file__).resolve().parents[2]
    return clone if (clone / "supervisord.conf").is_file() else Path.cwd()


def var_directory() -> Path:
    """The directory for run-time files; not created."""
    chosen = os.environ.get("CREPE_VAR")
    return Path(chosen).expanduser().absolute() if chosen else project_directory() / "var"


def experiment_path() -> Path | None:
    """The experiment file that the programs were started with; None for the default one."""
    chosen = os.environ.get("CREPE_EXPERIMENT")
    return Path(chosen) if chosen else None


def private(directory: Path) -> Path:
    """The directory, made if it is missing, readable by its owner only."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        found = directory.stat()
        if found.st_uid != os.getuid():
            raise ConfigError(f"{directory}: belongs to user {found.st_uid}, must be yours")
        if stat.S_IMODE(found.st_mode) & 0o077:
            directory.chmod(0o700)
    return directory


def run_directory(var: Path | None = None) -> Path:
    """The directory for sockets and run files of `var` (default: `var_directory()`), made."""
    var = var or var_directory()
    wanted = var / "run"
    if len(os.fsencode(wanted / "redis.sock")) <= _SOCKET_PATH_LIMIT:
        private(var)
        # what is there already was put there because sockets can be, whatever the disk says now
        if any(private(wanted).glob("*.json")) or _holds_sockets(wanted):
            return wanted
    return private(_temporary() / hashlib.sha256(os.fsencode(var)).hexdigest()[:12])


def _temporary() -> Path:
    user = os.getuid() if os.name == "posix" else "user"
    return private(Path(tempfile.gettempdir()) / f"crepe-{user}")


def _holds_sockets(directory: Path) -> bool:
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


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of a file written by `write_json`, or None if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error}); remove it") from error
    return content if isinstance(content, dict) else None


def announce(var: Path) -> None:
    """Let this user's programs in any directory find what runs in `var`; see `announced`."""
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    write_json(private(_temporary() / "running") / f"{name}.json", {"var": str(var)})


def announced() -> list[Path]:
    """The `var` directories in which this user has started a server; it may have stopped."""
    found = (read_json(path) for path in sorted(private(_temporary() / "running").glob("*.json")))
    return [Path(content["var"]) for content in found if content and "var" in content]


def searched(*, is_ours: bool = False) -> list[Path]:
    """The `var` directories in which something that runs is looked for, this one's first.

    Others count for a person in whatever directory, who has not set CREPE_VAR, and not for what
    must be `is_ours`: a program never goes to the server of another clone.
    """
    is_chosen = is_ours or "CREPE_VAR" in os.environ
    return [var_directory(), *([] if is_chosen else announced())]
