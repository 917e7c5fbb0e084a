"""The pulses that a simulated culture receives from an instrument."""

from typing import NamedTuple

from crepe.hw.meame.wire import TICK_US


class Shot(NamedTuple):
    """One pulse that is over, or a period in which amplifiers were protected."""

    tick: int  # of its beginning, by the DSP's clock
    electrodes: tuple[int, ...]  # channel indices that received it
    phases: tuple[tuple[float, float], ...]  # (current in uA, width in us)
    blanked: tuple[int, ...] = ()  # channel indices whose amplifiers were protected
    blanked_us: float = 0.0

    @property
    def last_tick(self) -> int:
        """The last tick with a current."""
        return self.tick + round(sum(us for _, us in self.phases) / TICK_US) - 1
