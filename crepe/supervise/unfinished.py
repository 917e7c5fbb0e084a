"""An unfinished session, one that was cut off: an operator resumes or abandons it."""

# Decision 5: when a session is resumed.

import sys
from typing import Literal

from rich.prompt import Confirm

from crepe.environment import paths, session
from crepe.errors import ConfigError
from crepe.supervise import control


def resume_or_new(*, resume: bool, new: bool) -> Literal["resume", "new"]:
    """Return what the options say, or the operator's answer where a session is unfinished.

    Raises ConfigError if programs run, for `resume` where nothing can be resumed, or without a
    terminal to ask the operator on. An unfinished session of a version whose streams do not fit
    raises it too, unless `new`.
    """
    if resume and new:
        raise ConfigError("--resume and --new: resume the last session, or abandon it; not both")
    last = _last_unfinished()
    if last is None and resume:
        ended = session.current()
        why = f"session {ended.id} ended in good order" if ended else "no session has begun"
        raise ConfigError(
            f"--resume: nothing to resume in {paths.var_directory()}: {why}; "
            "`crepe up` begins a session"
        )
    if last is None or new:
        return "new"
    if last.obstacle:
        raise ConfigError(last.obstacle)
    if resume:
        return "resume"
    _report(last)
    if not sys.stdin.isatty():
        raise ConfigError("use --resume to go on with it, or --new to abandon it")
    goes_on = Confirm.ask("Go on with it? (No: a new session begins, its recording stays.)")
    return "resume" if goes_on else "new"


def abandon(*, new: bool) -> None:
    """Confirm that an unfinished session is abandoned, for a command that cannot resume it.

    Raises ConfigError if programs run, if the operator declines, or without a terminal to ask on.
    """
    last = _last_unfinished()
    if last is None or new:
        return
    _report(last)
    if not (sys.stdin.isatty() and Confirm.ask("Abandon it? (Its recording stays.)")):
        raise ConfigError(
            last.obstacle
            or "`crepe up --resume` goes on with it; --new, or new=True in Python, abandons it"
        )


def _report(last: session.Session) -> None:
    # On stderr: stdout may be for one JSON document.
    text = f"session {last.id} of {last.experiment_path} was cut off and has not ended."
    print(text, file=sys.stderr)


def _last_unfinished() -> session.Session | None:
    control.must_be_down()
    return session.find_unfinished()
