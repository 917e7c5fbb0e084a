"""What becomes of a session that was cut off: it goes on, or a person gives it up."""

import sys
from typing import Literal

from rich.prompt import Confirm

from crepe.environment import session
from crepe.errors import ConfigError
from crepe.supervise import control


def resume_or_new(*, resume: bool, new: bool) -> Literal["resume", "new"]:
    """What is asked for, or what a person answers where a session was cut off.

    Raises ConfigError if programs run, or nobody is there to be asked.
    """
    left = _left()
    if left is None or new:
        return "new"
    if resume:
        return "resume"
    print(f"session {left.id} of {left.experiment_path} was cut off and has not ended.")
    if not sys.stdin.isatty():
        raise ConfigError("say --resume to go on with it, or --new to give it up")
    goes_on = Confirm.ask("Go on with it? (No: a new session begins, its recording stays.)")
    return "resume" if goes_on else "new"


def give_up(*, new: bool) -> None:
    """Let a person say that what was cut off is given up, for a command that cannot go on with it.

    Raises ConfigError if programs run, if the answer is no, or if nobody is there to be asked.
    """
    left = _left()
    if left is None or new:
        return
    print(f"session {left.id} of {left.experiment_path} was cut off and has not ended.")
    if not (sys.stdin.isatty() and Confirm.ask("Give it up? (Its recording stays.)")):
        raise ConfigError(
            "`crepe up --resume` goes on with it; --new, or new=True in Python, gives it up"
        )


def _left() -> session.Session | None:
    control.must_be_down()
    return session.found_unclean()
