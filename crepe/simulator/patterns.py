"""Pattern memories being played: what each electrode receives at each tick of 20 us.

A group's DAC memory and its sideband memory play side by side from one trigger. What an electrode
receives of that follows from the registers, which hold still while time runs on; each pulse is
told when it is over, or is cut off.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from crepe.hw.meame_wire import SIDEBAND_BLANK, TICK_US, ZERO_DIGIT

_PULSE_GAP = 50  # ticks; zeros for longer than a millisecond part one pulse from the next
_DATA, _LOOP, _LONG_LOOP, _LONG_COUNT, _END = 0, 1, 2, 3, 7
_LONG_TICKS = 1000  # of the long time base

Run = tuple[int, int]  # (value, ticks)


class Shot(NamedTuple):
    """One pulse that is over, or a while in which amplifiers were protected."""

    tick: int  # at which it began, of the DSP's clock
    electrodes: tuple[int, ...]  # channel indices that received it
    phases: tuple[tuple[float, float], ...]  # (current in uA, width in us)
    blanked: tuple[int, ...] = ()  # channel indices whose amplifiers were protected
    blanked_us: float = 0.0


def unroll(words: Sequence[int]) -> Iterator[Run]:
    """What a memory puts out, run by run, as time asks for it: a loop of count 0 never ends.

    A long loop is a word of type 2, which jumps back, after one of type 3 with the count; the
    public sources name the pair but do not describe it, so this much is assumed.
    """
    left: dict[int, int] = {}
    at, long_count, n_idle = 0, 0, 0
    while at < len(words):
        word = words[at]
        kind, count = word >> 28 & 7, word >> 16 & 0x3FF
        if kind == _END:
            return
        if kind == _DATA:
            yield word & 0xFFFF, (count + 1) * (_LONG_TICKS if word >> 26 & 1 else 1)
            n_idle = 0
        elif kind == _LONG_COUNT:
            long_count = word & 0x0FFFFFFF
        elif kind in {_LOOP, _LONG_LOOP}:
            n = count if kind == _LOOP else long_count
            left[at] = left.get(at, n if n else -1) - (n > 0)
            n_idle += 1
            if left[at] != 0 and n_idle <= len(words):  # a loop of loops would never yield
                at = max(0, at - (word & 0xFFFF))
                continue
            del left[at]
        at += 1


def side_by_side(dac: Iterator[Run], sideband: Iterator[Run]) -> Iterator[tuple[int, int, int]]:
    """(DAC value, sideband value, ticks), until both have ended; one that has ended gives zero."""
    idle = (ZERO_DIGIT, 0)
    now = [next(dac, None), next(sideband, None)]
    while now[0] is not None or now[1] is not None:
        ticks = min(run[1] for run in now if run is not None)
        values = [run[0] if run is not None else idle[i] for i, run in enumerate(now)]
        yield values[0], values[1], ticks
        for i, source in enumerate((dac, sideband)):
            run = now[i]
            if run is not None:
                now[i] = (run[0], run[1] - ticks) if run[1] > ticks else next(source, None)


class Playing:
    """A pair of memories on their way out.

    Parameters
    ----------
    reach
        Which electrodes receive the DAC's output, and which amplifiers are protected, while the
        sideband has a certain value, as the registers stand now.
    current_ua
        Of a DAC value, as the registers stand now.
    """

    def __init__(
        self,
        tick: int,
        dac: Sequence[int],
        sideband: Sequence[int],
        reach: Callable[[int], tuple[tuple[int, ...], tuple[int, ...]]],
        current_ua: Callable[[int], float],
    ) -> None:
        self._runs = side_by_side(unroll(dac), unroll(sideband))
        self._run = next(self._runs, None)
        self._reach = reach
        self._current_ua = current_ua
        self._tick = tick
        self._began = 0
        self._electrodes: tuple[int, ...] = ()
        self._phases: list[tuple[float, float]] = []
        self._gap = 0  # ticks of zero since the last phase
        self.is_over = self._run is None

    def play(self, until: int) -> Iterator[Shot]:
        """Go on to tick `until`; what is over by then, in order."""
        while self._run is not None and self._tick < until:
            value, sideband, ticks = self._run
            n = min(ticks, until - self._tick)
            electrodes, blanked = self._reach(sideband)
            if blanked and sideband & SIDEBAND_BLANK:
                yield Shot(self._tick, (), (), blanked, n * TICK_US)
            yield from self._output(value, n, electrodes)
            self._tick += n
            self._run = (value, sideband, ticks - n) if ticks > n else next(self._runs, None)
        if self._run is None:
            self.is_over = True
            yield from self.cut()

    def _output(self, value: int, ticks: int, electrodes: tuple[int, ...]) -> Iterator[Shot]:
        if value == ZERO_DIGIT or not electrodes:
            self._gap += ticks
            if self._gap > _PULSE_GAP or not electrodes:
                yield from self.cut()
            return
        if self._phases and electrodes != self._electrodes:
            yield from self.cut()
        if not self._phases:
            self._began, self._electrodes = self._tick, electrodes
        elif self._gap:
            self._phases.append((0.0, self._gap * TICK_US))
        self._gap = 0
        current_ua, us = self._current_ua(value), ticks * TICK_US
        if self._phases and self._phases[-1][0] == current_ua:
            us += self._phases.pop()[1]
        self._phases.append((current_ua, us))

    def cut(self) -> Iterator[Shot]:
        """The pulse that was under way, if any, ends here."""
        if self._phases:
            yield Shot(self._began, self._electrodes, tuple(self._phases))
        self._phases, self._gap = [], 0
