"""Finished trials grouped by the block they belong to."""

from collections.abc import Sequence
from itertools import groupby

from crepe.messages import GameState

N_IN_A_ROW = 10
"""Trials that are taken together in a session without blocks."""


def in_blocks(states: Sequence[GameState]) -> list[tuple[int, list[GameState]]]:
    """Return the number and the states of each block, in order of time.

    A session without blocks is cut into groups of N_IN_A_ROW states.
    """
    if any(state.block for state in states):
        return [(n, list(group)) for n, group in groupby(states, key=lambda s: s.block)]
    starts = range(0, len(states), N_IN_A_ROW)
    return [(k + 1, list(states[i : i + N_IN_A_ROW])) for k, i in enumerate(starts)]
