"""Which versions of what made a file."""

import platform
from importlib.metadata import version


def versions(*names: str) -> dict[str, str]:
    """Of Python, CREPE, and the named packages."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("crepe", "numpy", *names)
    }
