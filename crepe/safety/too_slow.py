"""Refusals that show that the machine is too slow for the loop, and one line about them."""

import re

_TOO_LATE = re.compile(
    r"\d ms old, limit "  # of the gate
    r"|the data are \d+ ms late, limit |s behind, limit |^no data for "  # of the liveness
)
_LEAST, _LEAST_PART = 2, 0.25  # fewer refusals than these are a moment, not a machine


def is_too_late(reason: str) -> bool:
    """Return whether a train was refused, or stopped, since the programs or the data lag."""
    return bool(_TOO_LATE.search(reason))


def too_slow(n_late: int, n_stimuli: int, *, can_lockstep: bool) -> str:
    """Return what to tell a person about stimuli that came too late; empty if they are few.

    Parameters
    ----------
    n_late
        Stimuli that were refused or stopped for lateness.
    n_stimuli
        All stimuli that have an outcome.
    can_lockstep
        Whether the experiment simulates its culture: only then can time wait for the programs.
    """
    if n_late < _LEAST or n_late < _LEAST_PART * n_stimuli:
        return ""
    way_out = "close other programs"
    if can_lockstep:
        way_out += ", or play with `crepe play --lockstep`"
    return (
        f"{n_late} of {n_stimuli} stimuli were too late, and were refused or stopped: this machine "
        f"is too slow or too busy for real time; {way_out}"
    )
