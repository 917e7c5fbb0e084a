"""What programs that supervisord runs share: their session, and how they end with supervisord."""

from collections.abc import Callable

from crepe.environment import session
from crepe.environment.process import watch_parent
from crepe.errors import ConfigError


def current_session() -> session.Session:
    """Return the session that runs. Raises ConfigError before the first."""
    now = session.current()
    if now is None:
        raise ConfigError("no session has begun; start the programs with `crepe up`")
    return now


def exit_with_supervisord() -> Callable[[], None]:
    """Return a function that raises SystemExit once supervisord is gone; call it while waiting."""
    is_orphan = watch_parent()

    def check() -> None:
        if is_orphan():
            raise SystemExit("supervisord is gone")

    return check
