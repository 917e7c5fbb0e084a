"""Packages of optional extras, imported where an instrument needs them."""

from importlib import import_module
from typing import Any

from crepe.errors import ConfigError


def import_optional(module: str, package: str, extra: str) -> Any:
    """Return a module of an optional package.

    Raises ConfigError, which says how to install the package, if it is missing or cannot be loaded.
    """
    try:
        return import_module(module)
    # pylsl raises RuntimeError without its shared library, and ctypes OSError for an unfit one.
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{extra}://: needs the package {package}: pip install 'crepe-mea[{extra}]' ({reason})"
        ) from error
