"""A network of spiking neurons on a plane, a millisecond at a time, without electrodes."""

# Decision 22: why this model, in numpy.

import numpy as np
from numpy.typing import NDArray

from crepe.culture.contract import CellNetwork
from crepe.culture.nearest import two_nearest
from crepe.culture.plasticity import Plasticity
from crepe.culture.settings import Cells, CultureSettings

Floats = NDArray[np.float32]

# Cells after Izhikevich 2003, IEEE Trans Neural Netw 14:1569: a fifth of them inhibitory, and the
# heterogeneity that is given there. Noise stands for miniature synaptic events and for input from
# outside the array; it is chosen so that an electrode sees 0.1 to 10 multi-unit spikes per
# second, as Wagenaar et al. 2006, BMC Neurosci 7:11 report of dissociated cultures.
INHIBITORY = 0.2
NOISE = (1.0, 0.5)  # SD in the units of that model, excitatory and inhibitory
NOISE_MS = 3.0  # its time constant
# Wiring falls with distance (`cells` of the settings). Conduction without myelin (Bakkum et al.
# 2008, PLoS ONE 3:e2088, 0.2 to 0.5 m/s) and a synaptic delay.
VELOCITY_UM_MS = 300.0
SYNAPSE_MS = 1.0
WEIGHT_SPREAD = 0.5  # SD of a weight's logarithm; chosen
DECAY_MS = (5.0, 8.0)  # of a synaptic current
REFRACTORY_MS = 2

_PEAK_MV = 30.0
# Without spikes a current decays to a subnormal number and stays there, and a processor takes tens
# of times as long for those. Nothing is lost: added to the noise, such a current changes no bit.
_LEAST_CURRENT, _FLUSH_MS = 1e-28, 100  # e^(-100 ms / 5 ms) of it is still a normal number


class Network(CellNetwork):
    """Cells after Izhikevich, synapses that tire, and their state; parameters as in the contract.

    Attributes
    ----------
    is_inhibitory
        (n_cells,)
    targets, weights
        (n_cells, n_synapses): the cells that a cell's synapses end on, and their strength.
    """

    def __init__(
        self,
        settings: CultureSettings,
        size_um: tuple[float, float],
        rng: np.random.Generator,
        noise: np.random.Generator,
    ) -> None:
        n_cells = self.n_cells = settings.n_cells
        cells = settings.cells
        self._release, self._recovery_ms = cells.release, cells.recovery_ms
        self.cells_um = rng.uniform((0.0, 0.0), size_um, (n_cells, 2))
        self.is_inhibitory = np.zeros(n_cells, bool)
        self.is_inhibitory[rng.permutation(n_cells)[: round(INHIBITORY * n_cells)]] = True
        self._noise = _Noise(np.where(self.is_inhibitory, NOISE[1], NOISE[0]), noise)
        self._make_cells(rng)
        self._wire(cells, size_um, rng)
        self._left = np.ones(n_cells, np.float32)  # resources at the last spike
        self._last_ms = np.full(n_cells, -1e6)
        self._now_ms = 0
        self._plasticity = (
            Plasticity(self.targets, self.weights, ~self.is_inhibitory, cells.excitation)
            if settings.stdp
            else None
        )

    def _make_cells(self, rng: np.random.Generator) -> None:
        """Draw the parameters of each cell, named as in Izhikevich 2003."""
        r, inhibitory = rng.random(self.n_cells), self.is_inhibitory
        self._a = np.where(inhibitory, 0.02 + 0.08 * r, 0.02).astype(np.float32)
        self._b = np.where(inhibitory, 0.25 - 0.05 * r, 0.2).astype(np.float32)
        self._c = np.where(inhibitory, -65.0, -65.0 + 15.0 * r**2).astype(np.float32)
        self._d = np.where(inhibitory, 2.0, 8.0 - 6.0 * r**2).astype(np.float32)
        # Numbers of a step; numpy takes twice as long to stretch one over the cells in each call.
        self._peak_mv, *self._numbers = (
            np.full(self.n_cells, number, np.float32)
            for number in (_PEAK_MV, 0.04, 5.0, 140.0, 0.5)
        )
        self._v = np.full(self.n_cells, -65.0, np.float32)  # mV
        self._u = self._b * self._v
        self._change = np.empty_like(self._v)  # of v or u, within a step
        self._total = np.empty_like(self._v)  # current, within a step

    def _wire(self, cells: Cells, size_um: tuple[float, float], rng: np.random.Generator) -> None:
        """Draw each synapse at an exponentially distributed distance in a random direction."""
        n, shape = self.n_cells, (self.n_cells, cells.n_synapses)
        reach_um = np.where(self.is_inhibitory, cells.reach_um[1], cells.reach_um[0])[:, np.newaxis]
        distance_um, angle = rng.exponential(reach_um, shape), rng.uniform(0, 2 * np.pi, shape)
        ends_um = self.cells_um[:, np.newaxis] + distance_um[..., np.newaxis] * np.stack(
            [np.cos(angle), np.sin(angle)], axis=-1
        )
        ends_um = np.abs(ends_um)  # an end outside the plane is reflected into it
        ends_um = np.abs(np.mod(ends_um + size_um, 2 * np.array(size_um)) - size_um)
        nearest = two_nearest(self.cells_um, ends_um, size_um)
        is_itself = nearest[..., 0] == np.arange(n)[:, np.newaxis]
        self.targets = np.where(is_itself, nearest[..., 1], nearest[..., 0])  # (n, n_synapses)
        length_um = np.linalg.norm(self.cells_um[self.targets] - self.cells_um[:, None], axis=2)
        # One more, since a spike leaves after the currents of its own millisecond were used.
        delay_ms = 1 + np.rint(SYNAPSE_MS + length_um / VELOCITY_UM_MS).astype(np.int64)
        # Of mean 1, so that the settings have the mean strength.
        strength = rng.lognormal(-(WEIGHT_SPREAD**2) / 2, WEIGHT_SPREAD, shape)
        sign = np.where(self.is_inhibitory, -cells.inhibition, cells.excitation)[:, np.newaxis]
        self.weights = (sign * strength).astype(np.float32)
        # Currents on their way: a ring of the next milliseconds, for each kind of synapse.
        self._n_ring = int(delay_ms.max()) + 1
        self._coming = np.zeros((self._n_ring, 2, n), np.float32)
        self._place = delay_ms * (2 * n) + self.is_inhibitory[:, None] * n + self.targets
        self._current = np.zeros((2, n), np.float32)
        # As large as the currents: numpy takes twice as long to stretch an array in each call.
        self._keep = np.repeat(
            np.exp(-1 / np.array(DECAY_MS, np.float32))[:, np.newaxis], n, axis=1
        )

    def step(
        self, forced: NDArray[np.int64], *, is_silenced: bool = False, is_blocked: bool = False
    ) -> NDArray[np.int64]:
        coming = self._coming[self._now_ms % self._n_ring]
        current, total = self._current, self._total
        multiply, add, subtract = np.multiply, np.add, np.subtract
        multiply(current, self._keep, current)
        add(current, coming, current)
        coming.fill(0)
        if self._now_ms % _FLUSH_MS == 0:
            current[np.abs(current) < _LEAST_CURRENT] = 0
        excitatory, inhibitory = current[0], current[1]
        received = inhibitory if is_blocked else add(excitatory, inhibitory, total)
        add(received, self._noise.next(), total)
        v, u, change = self._v, self._u, self._change
        square, linear, constant, half = self._numbers
        # Two half steps of v' = 0.04 v^2 + 5 v + 140 - u + I, as in Izhikevich 2003; in
        # place, since each new array takes time.
        for _ in range(2):
            multiply(v, square, change)
            add(change, linear, change)
            multiply(change, v, change)
            add(change, constant, change)
            subtract(change, u, change)
            add(change, total, change)
            multiply(change, half, change)
            add(v, change, v)
        np.minimum(v, self._peak_mv, out=v)
        multiply(self._b, v, change)
        subtract(change, u, change)
        multiply(change, self._a, change)
        add(u, change, u)
        if len(forced):
            v[forced] = _PEAK_MV
        fired: NDArray[np.int64] = (v >= self._peak_mv).nonzero()[0]
        if len(fired):  # in most milliseconds none does
            v[fired] = self._c[fired]
            u[fired] += self._d[fired]
            fired = fired[self._now_ms - self._last_ms[fired] >= REFRACTORY_MS]
        if is_silenced:
            fired = fired[:0]
        if len(fired):
            self._transmit(fired)
        if self._plasticity is not None and not is_blocked:
            self._plasticity.step(fired)
        self._now_ms += 1
        return fired

    def _transmit(self, fired: NDArray[np.int64]) -> None:
        """Send the spikes of cells to their targets, weakened by depression."""
        since_ms = self._now_ms - self._last_ms[fired]
        left = 1 - (1 - self._left[fired]) * np.exp(-since_ms / self._recovery_ms)
        self._left[fired] = left * (1 - self._release)
        self._last_ms[fired] = self._now_ms
        strength = np.where(self.is_inhibitory[fired], 1.0, left)
        sent = self.weights[fired] * strength[:, np.newaxis].astype(np.float32)
        ring = self._coming.reshape(-1)
        slot = self._now_ms % self._n_ring * (2 * self.n_cells)
        # `ring[...] +=` would add only one of several spikes with the same target and time.
        np.add.at(ring, (self._place[fired] + slot) % len(ring), sent)


class _Noise:
    """A noise current of each cell, with a short memory, drawn for many milliseconds at once."""

    _N_MS = 100

    def __init__(self, sd: NDArray[np.float64], rng: np.random.Generator) -> None:
        self._rng = rng
        self._keep = np.full(len(sd), np.exp(-1 / NOISE_MS), np.float32)
        self._push = (sd * np.sqrt(1 - np.exp(-2 / NOISE_MS))).astype(np.float32)
        self._before = np.zeros(len(sd), np.float32)  # the current of the millisecond before
        self._kept = np.empty_like(self._before)
        self._currents = np.empty((0, len(sd)), np.float32)
        self._used = 0

    def next(self) -> Floats:
        """Return (n_cells,) for the next millisecond; the caller must not change it."""
        if self._used == len(self._currents):
            self._draw()
        self._used += 1
        now: Floats = self._currents[self._used - 1]
        return now

    def _draw(self) -> None:
        currents = self._rng.standard_normal((self._N_MS, len(self._push)), np.float32)
        currents *= self._push
        before, kept = self._before, self._kept
        for now in currents:
            np.multiply(before, self._keep, kept)
            np.add(now, kept, now)
            before = now
        self._before, self._currents = before, currents
        self._used = 0
