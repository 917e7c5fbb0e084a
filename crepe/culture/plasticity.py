"""Plasticity: the order of spikes changes synapses, and cells return to their own rates."""

# Decision 109: why this rule, and what of it is faster than in a dish.

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Pairs of spikes, in exponential windows of the width that Bi and Poo 1998, J Neurosci 18:10464,
# report of cultures. Potentiation does not depend on a synapse's strength and depression is in
# proportion to it (van Rossum, Bi and Turrigiano 2000, J Neurosci 20:8812), so a synapse has an
# equilibrium, which is the mean strength for unrelated spikes. The size is chosen: 60 pairs at 10
# ms change a synapse of mean strength by a fifth.
WINDOW_MS = 20.0
PAIR = 0.006  # change by a pair without delay: of the mean strength up, of a synapse's own down
# Synaptic scaling (Turrigiano et al. 1998, Nature 391:892): all excitatory inputs of a cell change
# by one factor, towards the cell's own rate (Hengen et al. 2016, Cell 165:180: each cell returns to
# its own). All times are chosen; in a dish scaling takes a day or two.
SET_POINT_S = 120  # at the start, in which a cell's own rate is measured
RATE_S = 60.0  # memory of a cell's present rate
SCALING_S = 600.0  # in which inputs of a silent cell grow to e times their strength
LEAST_HZ = 0.1  # a rate below it counts as this
LARGEST = 5.0  # of a synapse, in mean strengths

_SECOND_MS = 1000


class Plasticity:
    """Change of weights, in place, a millisecond at a time.

    Times of spikes are those of the cells; the delay of a synapse does not shift them.

    Parameters
    ----------
    targets, weights
        (n_cells, n_synapses): the cells that synapses end on, and their strength.
    is_excitatory
        (n_cells,)
    mean
        Mean strength of an excitatory synapse.
    """

    def __init__(
        self,
        targets: NDArray[np.int64],
        weights: Floats,
        is_excitatory: NDArray[np.bool_],
        mean: float,
    ) -> None:
        self._targets, self._weights = targets, weights
        self._is_excitatory = is_excitatory
        self._mean = mean
        n_cells, n_synapses = targets.shape
        self._rows = np.flatnonzero(is_excitatory)
        flat = np.flatnonzero(np.repeat(is_excitatory, n_synapses))
        order = flat[np.argsort(targets.reshape(-1)[flat], kind="stable")]
        bounds = np.searchsorted(targets.reshape(-1)[order], np.arange(n_cells + 1))
        self._into = [order[a:b] for a, b in pairwise(bounds)]
        self._n_synapses = n_synapses
        self._traces = np.zeros((2, n_cells), np.float32)  # of spikes as source, as target
        self._keep = np.float32(np.exp(-1 / WINDOW_MS))
        self._now_ms = 0
        self._n_spikes = np.zeros(n_cells)  # of this second, before that of all since the start
        self._set_hz = np.zeros(n_cells)
        self._rate_hz = np.zeros(n_cells)

    def step(self, fired: NDArray[np.int64]) -> None:
        """Advance by a millisecond, in which these cells fired."""
        self._traces *= self._keep
        if len(fired):
            self._pair(fired)
            self._traces[:, fired] += 1
            self._n_spikes[fired] += 1
        self._now_ms += 1
        if self._now_ms == SET_POINT_S * _SECOND_MS:
            self._set_hz = self._n_spikes / SET_POINT_S
            self._rate_hz = self._set_hz.copy()
            self._n_spikes[:] = 0
        elif self._now_ms > SET_POINT_S * _SECOND_MS and self._now_ms % _SECOND_MS == 0:
            self._scale()

    def _pair(self, fired: NDArray[np.int64]) -> None:
        """Weaken synapses of these cells on cells that fired before, strengthen the others' way."""
        before, after = self._traces
        sources = fired[self._is_excitatory[fired]]
        self._weights[sources] *= 1 - PAIR * after[self._targets[sources]]
        into = np.concatenate([self._into[cell] for cell in fired])
        flat = self._weights.reshape(-1)
        flat[into] += PAIR * self._mean * before[into // self._n_synapses]

    def _scale(self) -> None:
        """Advance each cell's inputs by a second towards its own rate."""
        self._rate_hz += (self._n_spikes - self._rate_hz) / RATE_S
        self._n_spikes[:] = 0
        goal_hz = np.maximum(self._set_hz, LEAST_HZ)
        missing = np.clip((goal_hz - np.maximum(self._rate_hz, LEAST_HZ)) / goal_hz, -1, 1)
        factor = (1 + missing / SCALING_S).astype(np.float32)
        scaled = self._weights[self._rows] * factor[self._targets[self._rows]]
        self._weights[self._rows] = np.minimum(scaled, LARGEST * self._mean)
