"""The installation: what another distribution has put into it (decision 66), and what it lacks.

The index has a pitch tracker called `crepe`, whose files lie in a folder `crepe`, too. In one
environment each overwrites `__init__.py` and `__main__.py` of the other.
"""

import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_OTHER = "crepe"
_OWN = "crepe-mea"


def mixture() -> str:
    """Return one sentence if another distribution has files in this package's folder, else none."""
    folder = Path(__file__).resolve().parents[1]
    try:
        other = distribution(_OTHER)
    except PackageNotFoundError:
        return ""
    # Not `other.files`: beside a clone it lists what an earlier build left in `crepe.egg-info`.
    record = other.read_text("RECORD") or ""
    is_here = Path(str(other.locate_file("crepe"))).resolve() == folder
    if not is_here or not any(line.startswith("crepe/") for line in record.splitlines()):
        return ""
    return (
        f"{folder} has files of two packages, {_OWN} and {_OTHER} {other.version} (on the index a "
        f"pitch tracker): uninstall both, and install {_OWN} into an environment of its own"
    )


def pip_install(requirement: str) -> str:
    """Return the command that installs a package for this Python: a bare `pip` may be another's."""
    return f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(requirement)}"
