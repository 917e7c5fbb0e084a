"""Pattern memories being played: the current of each electrode at each tick of 20 us.

A group's DAC memory and its sideband memory play side by side from one trigger. The registers,
which do not change while time advances, decide what an electrode receives. Each pulse is reported
when it is over or cut.
"""

from collections.abc import Callable, Iterator, Sequence

from crepe.culture.contract import Shot
from crepe.hw.meame.wire import SIDEBAND_BLANK, TICK_US, ZERO_DIGIT

_PULSE_GAP = 50  # ticks; zeros for longer than a millisecond part one pulse from the next
_LONGEST_PULSE = 1000  # ticks; a longer current is reported in parts of 20 ms: it may never end
_DATA, _LOOP, _LONG_LOOP, _LONG_COUNT, _END = 0, 1, 2, 3, 7
_LONG_TICKS = 1000  # of the long time base

Run = tuple[int, int]  # (value, ticks)


def unroll(pattern: Sequence[int]) -> Iterator[Run]:
    """Yield the output of a memory, run by run; a loop of count 0 never ends.

    A long loop is a word of type 2, which jumps back, after one of type 3 with the count; the
    public sources name the pair without a description, so this is an assumption.
    """
    left: dict[int, int] = {}
    at, long_count, n_idle = 0, 0, 0
    while at < len(pattern):
        word = pattern[at]
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
            if left[at] != 0 and n_idle <= len(pattern):  # a loop of loops would never yield
                at = max(0, at - (word & 0xFFFF))
                continue
            del left[at]
        at += 1


class Playing:
    """A pair of memories that play side by side; one that has ended gives zero.

    Parameters
    ----------
    reach
        Returns, for a sideband value, the electrodes that receive the DAC's output and those with
        protected amplifiers, by the present registers.
    current_ua
        Returns the current of a DAC value, by the present registers.
    n_times
        Number of repetitions; the effect of 0 is unknown, assumed to be that of 1.
    """

    def __init__(
        self,
        tick: int,
        dac: Sequence[int],
        sideband: Sequence[int],
        reach: Callable[[int], tuple[tuple[int, ...], tuple[int, ...]]],
        current_ua: Callable[[int], float],
        *,
        n_times: int = 1,
    ) -> None:
        self._memories = [dac, sideband]
        self._begin()
        self._n_left = n_times - 1
        self._reach = reach
        self._current_ua = current_ua
        self._tick = tick
        self._began = 0
        self._electrodes: tuple[int, ...] = ()
        self._phases: list[tuple[float, float]] = []
        self._gap = 0  # ticks of zero since the last phase

    def _begin(self) -> None:
        self._sources = [unroll(pattern) for pattern in self._memories]
        self._runs = [next(source, None) for source in self._sources]

    @property
    def is_over(self) -> bool:
        """Whether both memories have ended."""
        return self._runs == [None, None]

    def clear(self, which: int) -> None:
        """Empty the DAC's memory (0) or the sideband's (1)."""
        self._memories[which] = ()
        self._sources[which], self._runs[which] = iter(()), None

    def play(self, until: int) -> Iterator[Shot]:
        """Play up to tick `until`; yield the pulses that are over by then, in order."""
        while self._tick < until and not self.is_over:
            (value, sideband), n = self._values(), self._steady(until)
            electrodes, blanked = self._reach(sideband)
            if blanked and sideband & SIDEBAND_BLANK:
                yield Shot(self._tick, (), (), blanked, n * TICK_US)
            yield from self._output(value, n, electrodes)
            self._tick += n
            self._pass(n)
            if self._phases and self._tick - self._began >= _LONGEST_PULSE:
                yield from self.cut()
        if self.is_over:
            yield from self.cut()

    def _values(self) -> tuple[int, int]:
        dac, sideband = self._runs
        return dac[0] if dac else ZERO_DIGIT, sideband[0] if sideband else 0

    def _steady(self, until: int) -> int:
        """Return for how many ticks nothing changes, up to tick `until`."""
        ticks = [run[1] for run in self._runs if run] + [until - self._tick]
        began = self._began if self._phases else self._tick
        return min(*ticks, began + _LONGEST_PULSE - self._tick)

    def _pass(self, n: int) -> None:
        """Let `n` ticks pass in both memories."""
        for i, run in enumerate(self._runs):
            if run:
                left = run[1] - n
                self._runs[i] = (run[0], left) if left else next(self._sources[i], None)
        if self.is_over and self._n_left > 0:
            self._n_left -= 1
            self._begin()

    def _output(self, value: int, ticks: int, electrodes: tuple[int, ...]) -> Iterator[Shot]:
        """Extend the pulse under way by a DAC value; yield it if it is over."""
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

    def under_way(self) -> Iterator[Shot]:
        """Yield the pulse that has begun and is not over, if any, as far as it has come."""
        if self._phases:
            yield Shot(self._began, self._electrodes, tuple(self._phases))

    def cut(self) -> Iterator[Shot]:
        """End the pulse under way, and yield it, if there is one."""
        yield from self.under_way()
        self._phases, self._gap = [], 0
