"""Sets of samples as sorted windows [start, stop) that do not touch."""

from collections.abc import Iterable
from itertools import islice

Windows = list[tuple[int, int]]


def union(windows: Iterable[tuple[int, int]]) -> Windows:
    """Return the samples in any of the windows."""
    joined: Windows = []
    for start, stop in sorted(windows):
        if start >= stop:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined


def without(windows: Windows, others: Windows) -> Windows:
    """Return the samples of `windows` that are in none of `others`; both are sorted."""
    rest: Windows = []
    at = 0
    for start, stop in windows:
        while at < len(others) and others[at][1] <= start:
            at += 1
        left = start  # of the window's rest
        for low, high in islice(others, at, None):
            if low >= stop:
                break
            if low > left:
                rest.append((left, low))
            left = max(left, high)
        if left < stop:
            rest.append((left, stop))
    return rest
