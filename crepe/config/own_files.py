"""The experiment files that come with CREPE, and the copies that `crepe new` writes of them."""

from pathlib import Path

from crepe.environment import paths
from crepe.errors import ConfigError, suggest

DEFAULT = "rps"
"""The experiment of a command that names no file."""


def own_file(name: str) -> Path:
    """Return an experiment file that comes with CREPE, such as `rps` or `papers/pong`.

    Raises ConfigError for an unknown name.
    """
    directory = paths.experiments_directory()
    files = directory.rglob("*.toml")
    names = sorted(path.relative_to(directory).with_suffix("").as_posix() for path in files)
    if name not in names:
        raise ConfigError(f"{name!r}: no experiment that comes with CREPE{suggest(name, names)}")
    return directory / f"{name}.toml"


def default_file(name: str = DEFAULT) -> Path:
    """Return the file of a command that names none: `config/NAME.toml` here, or CREPE's own."""
    local = paths.project_directory() / "config" / f"{name}.toml"
    return local if local.is_file() else own_file(name)


def write_copy(path: Path, name: str) -> Path:
    """Write a copy of an experiment that comes with CREPE; return its path, which ends in `.toml`.

    Raises ConfigError for an unknown name, and if the file exists.
    """
    target = path if path.suffix == ".toml" else path.with_name(f"{path.name}.toml")
    text = own_file(name).read_text(encoding="utf-8")
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{target}: exists, and is not overwritten; give another name") from error
    return target
