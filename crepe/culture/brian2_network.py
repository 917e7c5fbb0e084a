"""A network of cells in Brian2: a second opinion on the simulated culture.

Equations and numbers are those of the sources that `crepe.culture.network` names, and no code is
shared with it: Brian2 (Stimberg, Brette and Goodman 2019, eLife 8:e47314) integrates and delivers
the spikes, and wiring is another draw.
"""

# Decision 110: what this network shares with the other, and why it is stepped by hand.

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.culture.contract import CellNetwork
from crepe.culture.network import (
    DECAY_MS,
    INHIBITORY,
    NOISE,
    NOISE_MS,
    REFRACTORY_MS,
    SYNAPSE_MS,
    VELOCITY_UM_MS,
    WEIGHT_SPREAD,
)
from crepe.culture.settings import CultureSettings
from crepe.environment.installation import pip_install
from crepe.errors import ConfigError

try:
    import brian2
    from brian2 import ms
except (ImportError, AttributeError) as error:  # Brian2 2.9 with numpy 2.4 lacks `ndarray.ptp`
    hint = f"needs the package brian2: {pip_install('crepe-mea[brian2]')} ({error})"
    raise ImportError(hint, name="brian2") from error

brian2.prefs.codegen.target = "numpy"  # compiled code needs a compiler at run time

_STEPS = 2  # of half a millisecond, as Izhikevich 2003 integrates
_CELL = """
    current = is_open*excitation + inhibition + noise : 1
    is_open : 1 (shared)
    dv/dt = (0.04*v**2 + 5*v + 140 - u + current) / ms : 1 (unless refractory)
    du/dt = a*(b*v - u) / ms : 1
    dexcitation/dt = -excitation / excitation_decay : 1
    dinhibition/dt = -inhibition / inhibition_decay : 1
    noise : 1
    a : 1
    b : 1
    c : 1
    d : 1
"""
_TIRING = """
    strength : 1
    dleft/dt = (1 - left) / recovery : 1 (event-driven)
"""


class Brian2Network(CellNetwork):
    """Cells after Izhikevich and synapses that tire, by Brian2; parameters as in the contract.

    Raises ConfigError for `stdp`, which this network does not have.
    """

    def __init__(
        self,
        settings: CultureSettings,
        size_um: tuple[float, float],
        rng: np.random.Generator,
        noise: np.random.Generator,
    ) -> None:
        if settings.stdp:
            raise ConfigError(
                "[culture.simulated] stdp: true, but the synapses of Brian2Network are fixed"
            )
        n_cells = self.n_cells = settings.n_cells
        self.cells_um = rng.uniform((0.0, 0.0), size_um, (n_cells, 2))
        self._is_inhibitory = rng.permutation(n_cells) < round(INHIBITORY * n_cells)
        self._noise = noise
        self._noise_sd = np.where(self._is_inhibitory, NOISE[1], NOISE[0])
        self._keep = np.exp(-1 / NOISE_MS)
        self._group = self._cells(rng)
        synapses = [self._synapses(settings, kind, rng) for kind in (False, True)]
        self._network = brian2.Network(self._group, *synapses)
        self._network.run(0 * ms, namespace={})  # prepares the code
        self._objects = [item for item in self._network.sorted_objects if item.active]
        clock = self._group.clock.variables
        self._timestep, self._t, self._dt = (
            clock[name].get_value() for name in ("timestep", "t", "dt")
        )

    def _cells(self, rng: np.random.Generator) -> Any:
        """Return the cells, with the parameters of Izhikevich 2003."""
        r, inhibitory = rng.random(self.n_cells), self._is_inhibitory
        group = brian2.NeuronGroup(
            self.n_cells,
            _CELL,
            threshold="v >= 30",
            reset="v = c; u += d",
            refractory=REFRACTORY_MS * ms,
            method="euler",
            dt=ms / _STEPS,
            namespace={
                "excitation_decay": DECAY_MS[0] * ms,
                "inhibition_decay": DECAY_MS[1] * ms,
            },
        )
        group.a = np.where(inhibitory, 0.02 + 0.08 * r, 0.02)
        group.b = np.where(inhibitory, 0.25 - 0.05 * r, 0.2)
        group.c = np.where(inhibitory, -65.0, -65.0 + 15.0 * r**2)
        group.d = np.where(inhibitory, 2.0, 8.0 - 6.0 * r**2)
        group.v = -65.0
        group.u = "b*v"
        group.is_open = 1.0
        return group

    def _synapses(self, settings: CultureSettings, kind: bool, rng: np.random.Generator) -> Any:
        """Return the synapses of the inhibitory, or of the excitatory cells.

        Lengths are exponential: on a plane the chance of each cell falls with distance besides.
        """
        cells = settings.cells
        reach_um = cells.reach_um[int(kind)]
        sources, targets = [], []
        for cell in np.flatnonzero(self._is_inhibitory == kind):
            distance_um = np.linalg.norm(self.cells_um - self.cells_um[cell], axis=1)
            distance_um[cell] = np.inf  # no synapse on itself
            chance = np.exp(-distance_um / reach_um) / distance_um
            targets.append(rng.choice(self.n_cells, cells.n_synapses, p=chance / chance.sum()))
            sources.append(np.full(cells.n_synapses, cell))
        source, target = np.concatenate(sources), np.concatenate(targets)
        variable = "inhibition" if kind else "excitation"
        synapses = brian2.Synapses(
            self._group,
            self._group,
            model="strength : 1" if kind else _TIRING,
            on_pre=f"{variable}_post -= strength"
            if kind
            else f"{variable}_post += strength * left; left *= 1 - release",
            dt=ms / _STEPS,
            namespace={"release": cells.release, "recovery": cells.recovery_ms * ms},
        )
        synapses.connect(i=source, j=target)
        # Millisecond steps of the other network hold a current that decays here: the same charge.
        decay_ms = DECAY_MS[int(kind)]
        held = 1 / (decay_ms * (1 - np.exp(-1 / decay_ms)))
        mean = held * (cells.inhibition if kind else cells.excitation)
        spread = rng.lognormal(-(WEIGHT_SPREAD**2) / 2, WEIGHT_SPREAD, len(source))
        synapses.strength = mean * spread
        if not kind:
            synapses.left = 1.0
        length_um = np.linalg.norm(self.cells_um[source] - self.cells_um[target], axis=1)
        synapses.delay = (SYNAPSE_MS + length_um / VELOCITY_UM_MS) * ms
        return synapses

    def step(
        self, forced: NDArray[np.int64], *, is_silenced: bool = False, is_blocked: bool = False
    ) -> NDArray[np.int64]:
        # The loop of `Network.run` without its preparations, which take longer than a millisecond.
        variables = self._group.variables
        v, current = variables["v"].get_value(), variables["noise"].get_value()
        push = self._noise_sd * np.sqrt(1 - self._keep**2)
        variables["is_open"].get_value()[:] = 0.0 if is_blocked else 1.0
        current[:] = self._keep * current + push * self._noise.standard_normal(self.n_cells)
        if not is_silenced:
            v[forced[variables["not_refractory"].get_value()[forced]]] = 30.0
        fired = []
        for _ in range(_STEPS):
            if is_silenced:
                above = np.flatnonzero(v >= -40.0)
                v[above] = variables["c"].get_value()[above]
            self._network.t_ = self._t[0]
            for item in self._objects:
                item.run()
            self._timestep[0] += 1
            self._t[0] = self._timestep[0] * self._dt[0]
            fired.append(self._group.spikes.copy())
        return np.sort(np.concatenate(fired)).astype(np.int64)
