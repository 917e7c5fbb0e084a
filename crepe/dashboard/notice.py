"""The reason why little or nothing is stimulated, for page and terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from crepe.dashboard.session_view import SessionView


def notice(
    session_view: SessionView, programs: Sequence[Mapping[str, Any]], control: Mapping[str, Any]
) -> str:
    """Return the reason that comes first; empty if nothing is wrong.

    A lost instrument and a stop have late stimuli as their consequence, so that the machine is
    blamed only without them.

    Parameters
    ----------
    programs
        Rows of `crepe status`, in order of start.
    control
        As `Control.state` returns it.
    """
    for row in programs:
        if row.get("problem"):
            return f"{row['program']}: {row['problem']}"
    refusal = control["refusal"] if control["can_stimulate"] else None
    # A stimulator that is not armed is no problem until a stimulus is requested.
    if refusal and (control.get("is_stopped") or session_view.events.refusals):
        return f"nothing is stimulated: {refusal}"
    return session_view.too_slow
