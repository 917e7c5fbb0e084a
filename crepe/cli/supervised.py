"""The session of the programs that supervisord runs."""

from crepe.environment import session
from crepe.errors import ConfigError


def current_session() -> session.Session:
    """Return the session that runs. Raises ConfigError before the first."""
    now = session.current()
    if now is None:
        raise ConfigError("no session has begun; start the programs with `crepe up`")
    return now
