"""The numbers of requests that a stream has used, each at most once."""

from bisect import bisect_right
from collections.abc import Iterable

_MOST = 100  # ranges that are kept; the earliest are joined


class Numbers:
    """A set of whole numbers as ranges: one range for a requester that counts.

    A number may be far from all others, and none is lost by that. Where they make more than 100
    ranges, the two that are closest join, so that the numbers between count as used, too: a
    number is never free again.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges = [(int(first), int(last)) for first, last in ranges]  # ascending, both in

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First and last number of each range, for a snapshot."""
        return list(self._ranges)

    def __contains__(self, number: int) -> bool:
        i = bisect_right(self._ranges, (number, number))
        is_begun = i < len(self._ranges) and self._ranges[i][0] == number
        return is_begun or (i > 0 and number <= self._ranges[i - 1][1])

    def add(self, number: int) -> None:
        """Note a number as used; harmless to repeat."""
        if number in self:
            return
        i = bisect_right(self._ranges, (number, number))
        self._ranges.insert(i, (number, number))
        if i + 1 < len(self._ranges) and self._ranges[i + 1][0] == number + 1:
            self._join(i)
        if i > 0 and self._ranges[i - 1][1] == number - 1:
            self._join(i - 1)
        if len(self._ranges) > _MOST:
            gaps = [b[0] - a[1] for a, b in zip(self._ranges, self._ranges[1:], strict=False)]
            self._join(gaps.index(min(gaps)))

    def _join(self, i: int) -> None:
        """Replace a range and the next one by one range."""
        self._ranges[i : i + 2] = [(self._ranges[i][0], self._ranges[i + 1][1])]
