"""The firmware's stimulation queue, with its oddities, on which clients depend.

A group fires when it is active and the step counter equals its next firing, and at no other time:
a group that missed its time stays silent until its period is set again. Not modelled: the
overflow of the step counter after 11.9 hours, whose effect is unknown.
"""

from dataclasses import dataclass

from crepe.hw.meame.registers import N_GROUPS

ERROR_ZERO_PERIOD, ERROR_NO_GROUP = 3, 4


@dataclass
class Group:
    """A group of electrodes that fires periodically."""

    is_active: bool = False
    period: int = 0
    next: int = 0


class StimQueue:
    """Three groups and a step counter; a tick is 20 us."""

    def __init__(self) -> None:
        self.groups = [Group() for _ in range(N_GROUPS)]
        self.is_running = False
        self.step = 0  # ticks while it was running
        self.n_counted = 0  # value of the firmware's register
        self.error = 0  # the last; 0 if there was none
        self.n_errors = 0

    def group(self, number: int) -> Group | None:
        """Return a group; None and an error for others, where the firmware writes out of bounds."""
        if number < N_GROUPS:
            return self.groups[number]
        self._fail(ERROR_NO_GROUP)
        return None

    def _fail(self, error: int) -> None:
        self.error = error
        self.n_errors += 1

    def set_period(self, number: int, period: int) -> None:
        """Set a period: the only way to make a group due again that has missed its time."""
        group = self.group(number)
        if group is None:
            return
        group.next += period - group.period
        if group.next <= self.step:
            group.next = self.step + 1
        group.period = period

    def run(self, n_ticks: int) -> list[tuple[int, int]]:
        """Let ticks pass; return (ticks from now, group) of each firing, in order."""
        if not self.is_running:
            return []
        first, self.step = self.step, self.step + n_ticks
        fired = []
        for number, group in enumerate(self.groups):
            while group.is_active and first <= group.next < self.step:
                if group.period == 0:
                    self._fail(ERROR_ZERO_PERIOD)
                    break
                fired.append((group.next - first, number))
                group.next += group.period
        self.n_counted += n_ticks - (_multiples(self.step) - _multiples(first))
        return sorted(fired)


def _multiples(step: int) -> int:
    """Return how many ticks before `step` the firmware's counter skips (each 4096th)."""
    return -(-step // 4096)
