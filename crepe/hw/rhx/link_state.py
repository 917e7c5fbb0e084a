"""The states of the command connection to RHX, and the moves between them."""

from collections.abc import Mapping
from enum import StrEnum


class LinkState(StrEnum):
    """The state of the connection, and of RHX behind it."""

    CLOSED = "closed"  # no connection; only an operator's click opens the port
    FOREIGN = "foreign"  # connected, but RHX runs, and this program has not started it
    READY = "ready"  # stopped, all stimulation disabled
    RUNNING = "running"  # a run that this program has started
    DOUBTFUL = "doubtful"  # a stop or a set-up has failed


MOVES: Mapping[LinkState, frozenset[LinkState]] = {
    LinkState.CLOSED: frozenset({LinkState.FOREIGN, LinkState.READY, LinkState.DOUBTFUL}),
    LinkState.FOREIGN: frozenset({LinkState.CLOSED, LinkState.READY, LinkState.DOUBTFUL}),
    LinkState.READY: frozenset(
        {LinkState.CLOSED, LinkState.FOREIGN, LinkState.RUNNING, LinkState.DOUBTFUL}
    ),
    LinkState.RUNNING: frozenset({LinkState.CLOSED, LinkState.READY, LinkState.DOUBTFUL}),
    LinkState.DOUBTFUL: frozenset({LinkState.CLOSED, LinkState.READY}),
}
"""The moves that are allowed; to stay is always."""


def moved(state: LinkState, to: LinkState) -> LinkState:
    """Return the new state. Raises RuntimeError for a move that `MOVES` does not list."""
    if to is not state and to not in MOVES[state]:
        raise RuntimeError(f"link: {state} to {to}, allowed are {', '.join(sorted(MOVES[state]))}")
    return to
