"""A network of spiking neurons on a plane, a millisecond at a time, without electrodes."""

# Decision 22: why this model, in numpy.

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from crepe.culture.nearest import two_nearest

Floats = NDArray[np.float32]

# Cells after Izhikevich 2003, IEEE Trans Neural Netw 14:1569: a fifth of them inhibitory, and the
# heterogeneity that is given there. Noise stands for miniature synaptic events and for input from
# outside the array; it is chosen so that an electrode sees 0.1 to 10 multi-unit spikes per
# second, as Wagenaar et al. 2006, BMC Neurosci 7:11 report of dissociated cultures.
INHIBITORY = 0.2
NOISE = (1.0, 0.5)  # SD in the units of that model, excitatory and inhibitory
NOISE_MS = 3.0  # its time constant
# Wiring falls with distance, exponentially; chosen. Conduction without myelin (Bakkum et al. 2008,
# PLoS ONE 3:e2088, 0.2 to 0.5 m/s) and a synaptic delay.
N_SYNAPSES = 60
REACH_UM = (220.0, 160.0)  # mean distance, excitatory and inhibitory
VELOCITY_UM_MS = 300.0
SYNAPSE_MS = 1.0
WEIGHT = (1.4, -2.2)  # mean strength, in the units of the cells' current; chosen
WEIGHT_SPREAD = 0.5  # SD of its logarithm; chosen
DECAY_MS = (5.0, 8.0)  # of a synaptic current
REFRACTORY_MS = 2
# Depression of excitatory synapses (Tsodyks & Markram 1997, PNAS 94:719); it ends network bursts.
RELEASE = 0.35  # part of the remaining resources that a spike uses; chosen
RECOVERY_MS = 700.0
# Pairwise plasticity of excitatory synapses (Song, Miller & Abbott 2000, Nat Neurosci 3:919).
STDP_MS = 20.0
STDP_UP, STDP_DOWN = 0.005, 0.00525  # of the largest weight, per pair
STDP_LARGEST = 3.0  # the largest weight, in mean weights

_PEAK_MV = 30.0
# Without spikes a current decays to a subnormal number and stays there, and a processor takes tens
# of times as long for those. Nothing is lost: added to the noise, such a current changes no bit.
_LEAST_CURRENT, _FLUSH_MS = 1e-28, 100  # e^(-100 ms / 5 ms) of it is still a normal number


class Network:
    """Cells, synapses and their state.

    Parameters
    ----------
    size_um
        Width and height of the plane.
    rng
        Draws the positions of the cells and their wiring.
    noise
        Draws all that happens by chance.
    """

    def __init__(
        self,
        n_cells: int,
        size_um: tuple[float, float],
        rng: np.random.Generator,
        noise: np.random.Generator,
        *,
        stdp: bool = False,
    ) -> None:
        self.n_cells = n_cells
        self.cells_um = rng.uniform((0.0, 0.0), size_um, (n_cells, 2))
        self.is_inhibitory = np.zeros(n_cells, bool)
        self.is_inhibitory[rng.permutation(n_cells)[: round(INHIBITORY * n_cells)]] = True
        self._noise = _Noise(np.where(self.is_inhibitory, NOISE[1], NOISE[0]), noise)
        self._make_cells(rng)
        self._wire(size_um, rng)
        self._left = np.ones(n_cells, np.float32)  # resources at the last spike
        self._last_ms = np.full(n_cells, -1e6)
        self._now_ms = 0
        self._stdp = Stdp(self.targets, self.weights, ~self.is_inhibitory) if stdp else None

    def _make_cells(self, rng: np.random.Generator) -> None:
        """Draw the parameters of each cell, named as in Izhikevich 2003."""
        r, inhibitory = rng.random(self.n_cells), self.is_inhibitory
        self._a = np.where(inhibitory, 0.02 + 0.08 * r, 0.02).astype(np.float32)
        self._b = np.where(inhibitory, 0.25 - 0.05 * r, 0.2).astype(np.float32)
        self._c = np.where(inhibitory, -65.0, -65.0 + 15.0 * r**2).astype(np.float32)
        self._d = np.where(inhibitory, 2.0, 8.0 - 6.0 * r**2).astype(np.float32)
        self._v = np.full(self.n_cells, -65.0, np.float32)  # mV
        self._u = self._b * self._v
        self._change = np.empty_like(self._v)  # of v or u, within a step

    def _wire(self, size_um: tuple[float, float], rng: np.random.Generator) -> None:
        """Draw each synapse at an exponentially distributed distance in a random direction."""
        n, shape = self.n_cells, (self.n_cells, N_SYNAPSES)
        reach_um = np.where(self.is_inhibitory, REACH_UM[1], REACH_UM[0])[:, np.newaxis]
        distance_um, angle = rng.exponential(reach_um, shape), rng.uniform(0, 2 * np.pi, shape)
        ends_um = self.cells_um[:, np.newaxis] + distance_um[..., np.newaxis] * np.stack(
            [np.cos(angle), np.sin(angle)], axis=-1
        )
        ends_um = np.abs(ends_um)  # an end outside the plane is reflected into it
        ends_um = np.abs(np.mod(ends_um + size_um, 2 * np.array(size_um)) - size_um)
        nearest = two_nearest(self.cells_um, ends_um, size_um)
        is_itself = nearest[..., 0] == np.arange(n)[:, np.newaxis]
        self.targets = np.where(is_itself, nearest[..., 1], nearest[..., 0])  # (n, N_SYNAPSES)
        length_um = np.linalg.norm(self.cells_um[self.targets] - self.cells_um[:, None], axis=2)
        # One more, since a spike leaves after the currents of its own millisecond were used.
        delay_ms = 1 + np.rint(SYNAPSE_MS + length_um / VELOCITY_UM_MS).astype(np.int64)
        # Of mean 1, so that WEIGHT is the mean strength.
        strength = rng.lognormal(-(WEIGHT_SPREAD**2) / 2, WEIGHT_SPREAD, shape)
        sign = np.where(self.is_inhibitory, WEIGHT[1], WEIGHT[0])[:, np.newaxis]
        self.weights = (sign * strength).astype(np.float32)
        # Currents on their way: a ring of the next milliseconds, for each kind of synapse.
        self._n_ring = int(delay_ms.max()) + 1
        self._coming = np.zeros((self._n_ring, 2, n), np.float32)
        self._place = delay_ms * (2 * n) + self.is_inhibitory[:, None] * n + self.targets
        self._current = np.zeros((2, n), np.float32)
        self._keep = np.exp(-1 / np.array(DECAY_MS, np.float32))[:, np.newaxis]

    def step(
        self, forced: NDArray[np.int64], *, is_silenced: bool = False, is_blocked: bool = False
    ) -> NDArray[np.int64]:
        """Advance by a millisecond; return the cells that fire in it.

        `forced` cells fire by a current from outside; a silenced network, as under TTX, has
        currents and no spikes. In a blocked one excitatory currents have no effect and weights do
        not change, as under NBQX and APV.
        """
        slot = self._now_ms % self._n_ring
        current = self._current
        current *= self._keep
        current += self._coming[slot]
        self._coming[slot] = 0
        if self._now_ms % _FLUSH_MS == 0:
            current[np.abs(current) < _LEAST_CURRENT] = 0
        received = current[1] if is_blocked else current[0] + current[1]
        total = received + self._noise.next()
        v, u, change = self._v, self._u, self._change
        # Two half steps of v' = 0.04 v^2 + 5 v + 140 - u + I, as in Izhikevich 2003; in
        # place, since each new array takes time.
        for _ in range(2):
            np.multiply(v, 0.04, out=change)
            change += 5
            change *= v
            change += 140
            change -= u
            change += total
            change *= 0.5
            v += change
        np.minimum(v, _PEAK_MV, out=v)
        np.multiply(self._b, v, out=change)
        change -= u
        change *= self._a
        u += change
        v[forced] = _PEAK_MV
        (fired,) = (v >= _PEAK_MV).nonzero()
        v[fired] = self._c[fired]
        u[fired] += self._d[fired]
        fired = fired[self._now_ms - self._last_ms[fired] >= REFRACTORY_MS]
        if is_silenced:
            fired = fired[:0]
        if len(fired):
            self._transmit(fired)
        if self._stdp is not None:
            self._stdp.step(fired[:0] if is_blocked else fired)
        self._now_ms += 1
        return fired

    def _transmit(self, fired: NDArray[np.int64]) -> None:
        """Send the spikes of cells to their targets, weakened by depression."""
        since_ms = self._now_ms - self._last_ms[fired]
        left = 1 - (1 - self._left[fired]) * np.exp(-since_ms / RECOVERY_MS)
        self._left[fired] = left * (1 - RELEASE)
        self._last_ms[fired] = self._now_ms
        strength = np.where(self.is_inhibitory[fired], 1.0, left)
        sent = self.weights[fired] * strength[:, np.newaxis].astype(np.float32)
        ring = self._coming.reshape(-1)
        slot = self._now_ms % self._n_ring * (2 * self.n_cells)
        # `ring[...] +=` would add only one of several spikes with the same target and time.
        np.add.at(ring, (self._place[fired] + slot) % len(ring), sent)


class Stdp:
    """Plasticity: the weights of excitatory synapses change with the order of spikes, in place."""

    def __init__(
        self, targets: NDArray[np.int64], weights: Floats, is_excitatory: NDArray[np.bool_]
    ) -> None:
        self._targets, self._weights = targets, weights
        self._is_excitatory = is_excitatory
        self._largest = STDP_LARGEST * WEIGHT[0]
        flat = np.flatnonzero(np.repeat(is_excitatory, targets.shape[1]))
        order = flat[np.argsort(targets.reshape(-1)[flat], kind="stable")]
        bounds = np.searchsorted(targets.reshape(-1)[order], np.arange(len(targets) + 1))
        self._into = [order[a:b] for a, b in pairwise(bounds)]
        self._traces = np.zeros((2, len(targets)), np.float32)  # of spikes as source, as target
        self._keep = np.float32(np.exp(-1 / STDP_MS))

    def step(self, fired: NDArray[np.int64]) -> None:
        """Advance by a millisecond, in which these cells fired."""
        self._traces *= self._keep
        before, after = self._traces
        flat = self._weights.reshape(-1)
        for cell in fired:
            if self._is_excitatory[cell]:
                row = self._weights[cell]
                row -= STDP_DOWN * self._largest * after[self._targets[cell]]
                np.maximum(row, 0, out=row)
            into = self._into[cell]
            risen = flat[into] + STDP_UP * self._largest * before[into // self._targets.shape[1]]
            flat[into] = np.minimum(risen, self._largest)
        self._traces[:, fired] += 1


class _Noise:
    """A noise current of each cell, with a short memory, drawn for many milliseconds at once."""

    _N_MS = 100

    def __init__(self, sd: NDArray[np.float64], rng: np.random.Generator) -> None:
        self._rng = rng
        self._keep = np.float32(np.exp(-1 / NOISE_MS))
        self._push = (sd * np.sqrt(1 - np.exp(-2 / NOISE_MS))).astype(np.float32)
        self._now = np.zeros(len(sd), np.float32)
        self._draws = np.empty((0, len(sd)), np.float32)
        self._used = 0

    def next(self) -> Floats:
        """Return (n_cells,) for the next millisecond."""
        if self._used == len(self._draws):
            self._draws = self._rng.standard_normal((self._N_MS, len(self._now)), np.float32)
            self._draws *= self._push
            self._used = 0
        self._now *= self._keep
        self._now += self._draws[self._used]
        self._used += 1
        return self._now
