"""The versions of the packages that wrote a file."""

import platform
from importlib.metadata import version


def versions(*names: str) -> dict[str, str]:
    """Return the versions of Python, CREPE, NumPy and the named packages."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("crepe", "numpy", *names)
    }
