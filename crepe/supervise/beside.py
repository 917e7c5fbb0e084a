"""Sessions of this user in other directories of this machine: one for each culture, or well."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from crepe.config.experiment_file import read_experiment_file
from crepe.config.tables import DASHBOARD
from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import CrepeError
from crepe.supervise import control
from crepe.web.links import Links, links_in, server_file


class SessionBeside(NamedTuple):
    """A session that runs, and its live page if it has one."""

    var: Path
    id: str
    culture: str
    experiment: str  # its title; name of the file where it has none
    links: Links | None

    def __str__(self) -> str:
        page = f": {self.links.operator}" if self.links else ", without a page"
        return f"beside it, {self.culture} ({self.experiment} in {self.var}){page}"


def sessions_beside(var: Path) -> list[SessionBeside]:
    """Return the sessions that run in other directories than `var`, by culture."""
    others = (_session_in(other) for other in paths.announced() if other != var)
    return sorted((each for each in others if each), key=lambda each: (each.culture, each.var))


def _session_in(var: Path) -> SessionBeside | None:
    try:
        now = session.current(var)
        if now is None or control.running(var) is None:
            return None
        content = paths.read_json(paths.run_directory(var) / server_file(DASHBOARD))
    except (CrepeError, OSError):  # another version's, or not readable: not this session's concern
        return None
    links = links_in(content) if content and ProcessIdentity.read(content).is_running else None
    experiment = _title(Path(now.experiment_path))
    return SessionBeside(var, now.id, now.culture, experiment, links)


def _title(path: Path) -> str:
    """Return the title of an experiment: a file that a command has written has a name like any."""
    with suppress(CrepeError, OSError):
        return read_experiment_file(path).title or path.name
    return path.name
