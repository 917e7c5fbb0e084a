"""What meets in a simulated culture: the pulses that it receives, and its network of cells."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.culture.settings import CultureSettings
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


class CellNetwork(ABC):
    """Spiking cells on a plane, a millisecond at a time, without electrodes.

    A class of another package derives from it and is named in `network` of `[culture.simulated]`.
    Electrodes, noise and what a current excites are the culture's, and the same for every network.

    Attributes
    ----------
    n_cells
        `n_cells` of the settings.
    cells_um
        (n_cells, 2): x and y, each from 0 to the plane's size.
    """

    n_cells: int
    cells_um: NDArray[np.float64]

    @abstractmethod
    def __init__(
        self,
        settings: CultureSettings,
        size_um: tuple[float, float],
        rng: np.random.Generator,
        noise: np.random.Generator,
    ) -> None:
        """Draw cells and wiring from `rng`; whatever happens by chance is drawn from `noise`.

        The same two generators must give the same spikes to the same currents.
        """

    @abstractmethod
    def step(
        self, forced: NDArray[np.int64], *, is_silenced: bool = False, is_blocked: bool = False
    ) -> NDArray[np.int64]:
        """Advance by a millisecond; return the cells that fire in it, each once, in rising order.

        `forced` cells fire by a current from outside unless they are refractory; a silenced
        network, as under TTX, has currents and no spikes. In a blocked one excitatory currents
        have no effect and weights do not change, as under NBQX and APV.
        """
