"""Secrets: chosen in the environment, or kept in a private file of the run directory."""

import os
import secrets
from pathlib import Path

from crepe.errors import ConfigError

_BYTES = 16  # beyond guessing, and a link with it fits a terminal
_SHORTEST = 2 * _BYTES  # characters: a shorter text is a file that was cut off


def chosen_secret(variable: str) -> str:
    """Return the secret in an environment variable, or in the file that `<variable>_FILE` names.

    Return an empty text without either. Containers get secrets as files, since the environment of
    a process is shown in more places. Raises ConfigError for both at once, and for a file that
    cannot be read or is empty.
    """
    value = os.environ.get(variable, "")
    file = os.environ.get(f"{variable}_FILE", "")
    if not file:
        return value
    place = f"{variable}_FILE: {file}"
    if value:
        raise ConfigError(f"{place}: {variable} is set as well; must be one of both")
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{place}: cannot be read as text ({error})") from error
    if not secret:
        raise ConfigError(f"{place}: empty, must hold the secret")
    return secret


def kept_secret(path: Path) -> str:
    """Return the secret in a file, which is made if it is missing. Raises ConfigError.

    It stays the same when programs are restarted, and until the file is removed.
    """
    if (secret := read_secret(path)) is not None:
        return secret
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(_BYTES)}\n")
        try:
            path.hardlink_to(part)  # fails where another program was first: there is one secret
        except FileExistsError:
            pass
        finally:
            part.unlink()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    secret = read_secret(path)
    assert secret is not None
    return secret


def read_secret(path: Path) -> str | None:
    """Return the secret in a file; None if there is no file. Raises ConfigError."""
    try:
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); remove it") from error
    if len(secret) < _SHORTEST:
        # An empty secret would let everybody in.
        raise ConfigError(
            f"{path}: {len(secret)} characters, must have at least {_SHORTEST}; remove it"
        )
    return secret
