"""The record of pulses that reached the electrodes, in ticks of 20 us since power-on."""

from collections import deque
from collections.abc import Iterable

from crepe.culture.contract import Shot

_KEPT_SHOTS = 100_000

Tally = dict[int, tuple[int, int, int]]  # channel index: pulses, first and last tick of current


class Received:
    """Every pulse is counted, given to the culture once, and kept for a while."""

    def __init__(self) -> None:
        self.shots: deque[Shot] = deque(maxlen=_KEPT_SHOTS)  # pulses that reached an electrode
        self._fresh: deque[Shot] = deque(maxlen=_KEPT_SHOTS)  # before a start they are not taken
        self._tally: Tally = {}

    def keep(self, shots: Iterable[Shot]) -> None:
        """Add pulses that are over."""
        for shot in shots:
            self._fresh.append(shot)
            if shot.phases:
                self.shots.append(shot)
                _count(self._tally, shot)

    def take(self) -> list[Shot]:
        """Return the pulses that ended since the last call, in order."""
        if not self._fresh:  # asked every millisecond
            return []
        taken = sorted(self._fresh)
        self._fresh.clear()
        return taken

    def tally(self, under_way: Iterable[Shot]) -> Tally:
        """Return the count, with the pulses that are under way."""
        tally = dict(self._tally)
        for shot in under_way:
            _count(tally, shot)
        return tally


def _count(tally: Tally, shot: Shot) -> None:
    for index in shot.electrodes:
        n, first, last = tally.get(index, (0, shot.tick, 0))
        tally[index] = n + 1, min(first, shot.tick), max(last, shot.last_tick)
