"""The session file: which run of which experiment the streams and the recording belong to.

`session.json` in the run directory has the state `running` until the session has ended in good
order. If it still has when no program runs, the session is unfinished and can be resumed.
"""

import secrets
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from crepe.environment import paths
from crepe.errors import ConfigError

FORMAT = 2
"""Of what a session is resumed from: its streams in Redis, snapshots of actors, its recording.

Raised when a field of a message or a snapshot changes, or its meaning. Files before it have 1.
"""

RUNNING = "running"
ENDED = "ended"


@dataclass(frozen=True)
class Session:
    """One run of an experiment, from sample 0 to its end."""

    id: str  # safe in a file name, sorts by time: 20261123-171503-a1b2
    started_at: str  # ISO 8601, UTC
    state: str  # running or ended
    experiment_path: str
    experiment_digest: str  # of the experiment file when the session began
    seed: int
    ended_because: str = ""  # empty: it was stopped in good order
    culture: str = "crepe"  # `name` of the experiment: first part of every key in Redis
    format: int = 1  # the FORMAT of the version that began it

    @property
    def since_ms(self) -> int:
        """Wall clock of its start, in ms since 1970."""
        return round(datetime.fromisoformat(self.started_at).timestamp() * 1000)

    @property
    def obstacle(self) -> str:
        """The reason why this version cannot resume it, and what to do; empty if it can."""
        if self.format == FORMAT:
            return ""
        age = "an older" if self.format < FORMAT else "a later"
        return (
            f"session {self.id} was begun by {age} version of CREPE, and its streams do not fit "
            f"this one (format {self.format}, must be {FORMAT}): resume it with the version that "
            f"began it, or abandon it with `crepe up --new`; `crepe report {self.id}` reads its "
            "recording in any case"
        )


def course_of(session: str) -> int:
    """Return the number that tells a session from others of its seed, from the session's ID."""
    return crc32(session.encode())


def new_id(now: datetime | None = None) -> str:
    """Return an ID for a session that begins now."""
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def new(experiment: Path, digest: str, seed: int, culture: str = "crepe") -> Session:
    """Return a session of an experiment that has yet to begin."""
    now = datetime.now(UTC)
    return Session(
        id=new_id(now),
        started_at=now.isoformat(timespec="milliseconds"),
        state=RUNNING,
        experiment_path=str(experiment.absolute()),
        experiment_digest=digest,
        seed=seed,
        culture=culture,
        format=FORMAT,
    )


def begin(session: Session, var: Path | None = None) -> Session:
    """Write the file of a new session, in place of the last one; return the session."""
    _write(session, var)
    return session


def current(var: Path | None = None) -> Session | None:
    """Return the last session that began in `var`, running or not; None before the first."""
    var = var or paths.var_directory()
    if not var.is_dir():
        return None
    path = _path(var)
    content = paths.read_json(path)
    if content is None:
        return None
    names = {field.name for field in fields(Session)}  # a later version may have more
    try:
        return Session(**{name: content[name] for name in content if name in names})
    except TypeError as error:
        raise ConfigError(f"{path}: {error}; remove it") from error


def find_unfinished(var: Path | None = None) -> Session | None:
    """Return the last session if it never ended. Call it only while no program runs in `var`."""
    session = current(var)
    return session if session is not None and session.state == RUNNING else None


def end(var: Path | None = None) -> None:
    """Mark the session as ended in good order; harmless to repeat."""
    session = current(var)
    if session is not None and session.state != ENDED:
        _write(replace(session, state=ENDED), var)


def cancel(session: Session, because: str, var: Path | None = None) -> None:
    """Mark a session as ended for a reason, unless another has begun in `var` since."""
    if current(var) == session:
        _write(replace(session, state=ENDED, ended_because=because), var)


def _path(var: Path | None) -> Path:
    return paths.run_directory(var) / "session.json"


def _write(session: Session, var: Path | None) -> None:
    paths.write_json(_path(var), asdict(session))
