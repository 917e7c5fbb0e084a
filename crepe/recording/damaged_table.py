"""Tables of a damaged recording: which rows can be trusted, and where samples belong."""

from bisect import bisect_right
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.recording.damaged_file import UNREADABLE, Chunks, check_size


def read_rows(chunks: Chunks, dtype: np.dtype) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the table's rows, and which of them are in undamaged chunks."""
    # The table's length counts, not `n_messages`: a commit writes both, and either may be damaged.
    rows, is_valid = np.zeros(chunks.length, dtype), np.zeros(chunks.length, bool)
    for low, high in chunks.good(0, chunks.length):
        rows[low:high], is_valid[low:high] = chunks.read(low, high), True
    return rows, is_valid


def longest_growing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values are in the longest subsequence that never falls."""
    if not len(values) or (np.diff(values) >= 0).all():
        return np.ones(len(values), bool)
    ends: list[int] = []  # lowest last value of a subsequence of each length
    lengths = []
    for value in values.tolist():
        at = bisect_right(ends, value)
        ends[at : at + 1] = [value]
        lengths.append(at)
    keep, length = np.zeros(len(values), bool), len(ends) - 1
    for at in range(len(values) - 1, -1, -1):
        if lengths[at] == length:
            keep[at], length = True, length - 1
    return keep


def spans_of(group: h5py.Group, rate_hz: float) -> list[tuple[int, int, int]]:
    """Return (start, first column, column after the last) of each part of a matrix without a gap.

    They stand on the MCS side, too; empty if there are none, or they contradict each other.
    """
    try:
        table = group.file[group.attrs["mcs"]]["ChannelDataTimeStamps"]
        check_size(table)
        rows = table[()].tolist()
    except UNREADABLE:
        return []
    spans = [(round(us * rate_hz / 1e6), first, last + 1) for us, first, last in rows]
    columns = [0, *(edge for _, first, end in spans for edge in (first, end))]
    starts = [start for start, _, _ in spans]
    return spans if columns[:-1:2] == columns[1::2] and starts == sorted(starts) else []
