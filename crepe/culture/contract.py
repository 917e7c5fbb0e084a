"""What a simulated culture receives from an instrument."""

from typing import NamedTuple

from crepe.hw.meame.wire import TICK_US


class Shot(NamedTuple):
    """One pulse that is over, or a while in which amplifiers were protected."""

    tick: int  # at which it began, of the DSP's clock
    electrodes: tuple[int, ...]  # channel indices that received it
    phases: tuple[tuple[float, float], ...]  # (current in uA, width in us)
    blanked: tuple[int, ...] = ()  # channel indices whose amplifiers were protected
    blanked_us: float = 0.0

    @property
    def last_tick(self) -> int:
        """The last at which current flowed."""
        return self.tick + round(sum(us for _, us in self.phases) / TICK_US) - 1
