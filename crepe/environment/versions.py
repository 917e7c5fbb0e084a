"""The versions of the packages that wrote a file."""

import platform
from importlib.metadata import version

from crepe import __version__


def versions(*names: str) -> dict[str, str]:
    """Return the versions of Python, CREPE, NumPy and the named packages."""
    return {"python": platform.python_version(), "crepe": __version__} | {
        name: version(name) for name in ("numpy", *names)
    }
