"""A simulated culture: cells fire by themselves, from currents, and from each other.

Simple on purpose, and told nothing: of an experiment it sees the currents at its electrodes only.
Time goes in blocks of a millisecond with a fixed number of random draws each, so that the same
seed gives the same samples however they are asked for.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crepe.electrodes import positions_um
from crepe.hw.meame_wire import TICK_US
from crepe.simulator.patterns import Shot
from crepe.simulator.settings import SimulatorSettings

# All values are chosen to give firing rates, amplitudes and latencies as are seen in dissociated
# cultures on a 60MEA (compare Wagenaar et al. 2006, BMC Neurosci 7:11).
CELL_DISTANCE_UM = (10.0, 60.0)  # of a cell from its electrode
SPIKE_UV, SPIKE_DECAY_UM = 140.0, 60.0  # peak next to the electrode, and its fall with distance
SPONTANEOUS_HZ, SPONTANEOUS_SPREAD = 0.4, 0.7  # median rate of a cell, SD of its logarithm
REFRACTORY_MS = 4
CURRENT_REACH_UM = 120.0  # a current's effect falls to 1/e at this distance
THRESHOLD_NC = (0.4, 1.2)  # charge of the negative phase that makes a cell fire
POSITIVE_PART = 0.3  # as much as this does positive charge excite (Ranck 1975, Brain Res 98:417)
# Field potential of the many cells that are not modelled one by one: what a pulse excites answers
# with a fast and a slow slope of equal areas, so that it leaves no offset.
EVOKED_UV, EVOKED_NC, EVOKED_REACH_UM = 600.0, 1.0, 2000.0  # peak at saturation, half of it, reach
EVOKED_MS = (8.0, 40.0)
DIRECT_MS = (2, 5)  # latency of what current makes fire
SYNAPSE_REACH_UM, N_SYNAPSES = 500.0, 12
SYNAPSE_MS = (4, 12)  # latency of what another cell makes fire
SYNAPSE_P = 0.055  # that a spike makes one target fire: 0.66 spikes follow from one on average
DRIFT_UV, DRIFT_MS = 5.0, 500.0  # slow potential of each electrode: SD and time constant
# The artefact, too, leaves no offset: amplifiers are coupled by capacitors.
ARTEFACT_UV_PER_UA, ARTEFACT_REACH_UM, ARTEFACT_MS = 400.0, 250.0, (0.25, 0.45)


class Culture:
    """Gives the voltage at every electrode, a millisecond at a time.

    Parameters
    ----------
    labels
        Of the electrodes; the reference among them stays quiet.
    """

    def __init__(
        self, settings: SimulatorSettings, labels: tuple[str, ...], sampling_rate_hz: float
    ) -> None:
        self._settings = settings
        self.block_samples = max(1, round(sampling_rate_hz / 1000))
        self._rng = np.random.default_rng(settings.seed)
        self._electrodes_um = positions_um(labels)
        self._is_recording = np.array([label != "15" or len(labels) != 60 for label in labels])
        self._place_cells()
        self._wire_cells()
        self._rng = np.random.default_rng([settings.seed, settings.course])
        n = len(labels)
        t_ms = np.arange(2 * self.block_samples) / self.block_samples
        self._waveform = _spike(t_ms)
        self._ahead = np.zeros((n, 3 * self.block_samples))  # spikes that reach into the future
        self._drift = np.zeros(n)
        self._last_ms = np.full(self.n_cells, -REFRACTORY_MS)
        self._due: defaultdict[int, list[NDArray[np.int64]]] = defaultdict(list)
        self._blanked_until = np.zeros(n)
        self._artefact = _Slopes(n, ARTEFACT_MS, self.block_samples)
        self._evoked = _Slopes(n, EVOKED_MS, self.block_samples)
        self._now_ms = 0

    def _place_cells(self) -> None:
        rng, k = self._rng, self._settings.cells_per_electrode
        self.n_cells = k * len(self._electrodes_um)
        radius = rng.uniform(*CELL_DISTANCE_UM, self.n_cells)
        angle = rng.uniform(0, 2 * np.pi, self.n_cells)
        around = np.repeat(self._electrodes_um, k, axis=0)
        self._cells_um = around + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self._distance_um = np.linalg.norm(
            self._cells_um[:, None, :] - self._electrodes_um[None, :, :], axis=2
        )  # (n_cells, n_electrodes)
        gain = SPIKE_UV * np.exp(-self._distance_um / SPIKE_DECAY_UM)
        gain[:, ~self._is_recording] = 0
        self._seen_by = [np.flatnonzero(row > 1.0) for row in gain]
        self._gain_uv = [row[seen] for row, seen in zip(gain, self._seen_by, strict=True)]
        rates_hz = SPONTANEOUS_HZ * np.exp(rng.normal(0, SPONTANEOUS_SPREAD, self.n_cells))
        self._fire_p = rates_hz / 1000
        self._threshold_nc = rng.uniform(*THRESHOLD_NC, self.n_cells)

    def _wire_cells(self) -> None:
        between_um = np.linalg.norm(self._cells_um[:, None] - self._cells_um[None], axis=2)
        weight = np.exp(-between_um / SYNAPSE_REACH_UM)
        np.fill_diagonal(weight, 0)
        weight /= weight.sum(axis=1, keepdims=True)
        self._targets = np.stack(
            [self._rng.choice(self.n_cells, N_SYNAPSES, replace=False, p=row) for row in weight]
        )
        self._delay_ms = self._rng.integers(*SYNAPSE_MS, self._targets.shape)

    def block(self, shots: Sequence[Shot]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The next millisecond: microvolts (n_electrodes, block_samples), and who fired in it.

        `shots` are what the stimulator gave in this millisecond, their ticks counted from its
        beginning.
        """
        for shot in shots:
            self._stimulated(shot)
        fired = self._fire()
        n = self.block_samples
        at = self._rng.integers(0, n, self.n_cells)
        for cell in fired:
            place = slice(at[cell], at[cell] + len(self._waveform))
            self._ahead[self._seen_by[cell], place] += np.outer(self._gain_uv[cell], self._waveform)
        found = self._ahead[:, :n] + self._background()
        self._ahead[:, :-n] = self._ahead[:, n:]
        self._ahead[:, -n:] = 0
        self._disturb(found)
        self._now_ms += 1
        return found, fired

    def _stimulated(self, shot: Shot) -> None:
        """What a pulse does to cells and to amplifiers."""
        negative_nc = sum(-ua * us / 1000 for ua, us in shot.phases if ua < 0)
        excited_nc = negative_nc + POSITIVE_PART * sum(
            ua * us / 1000 for ua, us in shot.phases if ua > 0
        )
        answer_uv = EVOKED_UV * excited_nc / (excited_nc + EVOKED_NC)
        for electrode in shot.electrodes:
            distance_um = self._distance_um[:, electrode]
            charge_nc = negative_nc * np.exp(-distance_um / CURRENT_REACH_UM)
            reached = np.flatnonzero(charge_nc >= self._threshold_nc)
            latency_ms = self._rng.integers(*DIRECT_MS, len(reached))
            self._later(reached, latency_ms)
            away_um = np.linalg.norm(self._electrodes_um - self._electrodes_um[electrode], axis=1)
            near = np.exp(-away_um / EVOKED_REACH_UM) * self._is_recording
            self._evoked.add(-answer_uv / len(shot.electrodes) * near)
            largest_ua = max((abs(ua) for ua, _ in shot.phases), default=0.0)
            reach = np.exp(-away_um / ARTEFACT_REACH_UM)
            self._artefact.add(ARTEFACT_UV_PER_UA * largest_ua * reach)
        if shot.blanked:
            until_ms = self._now_ms + (shot.tick * TICK_US + shot.blanked_us) / 1000
            blanked = list(shot.blanked)
            self._blanked_until[blanked] = np.maximum(self._blanked_until[blanked], until_ms)

    def _later(self, cells: NDArray[np.int64], delay_ms: NDArray[np.int64]) -> None:
        for delay in np.unique(delay_ms):
            self._due[self._now_ms + int(delay)].append(cells[delay_ms == delay])

    def _fire(self) -> NDArray[np.int64]:
        """The cells that fire in this millisecond; what they set off comes later."""
        by_itself = np.flatnonzero(self._rng.random(self.n_cells) < self._fire_p)
        chance = self._rng.random((self.n_cells, N_SYNAPSES))
        asked = np.concatenate([by_itself, *self._due.pop(self._now_ms, [])])
        fired: NDArray[np.int64] = np.unique(asked)
        fired = fired[self._now_ms - self._last_ms[fired] >= REFRACTORY_MS]
        if self._is_silenced:
            return fired[:0]
        self._last_ms[fired] = self._now_ms
        sets_off = chance[fired] < SYNAPSE_P
        self._later(self._targets[fired][sets_off], self._delay_ms[fired][sets_off])
        return fired

    @property
    def _is_silenced(self) -> bool:
        now_s = self._now_ms / 1000
        return self._settings.silenced or any(a <= now_s < b for a, b in self._settings.silenced_s)

    def _background(self) -> NDArray[np.float64]:
        """Thermal noise and slow drift; the reference has little of either."""
        n_electrodes, n = len(self._drift), self.block_samples
        noise: NDArray[np.float64]
        noise = self._rng.normal(0, self._settings.noise_uv, (n_electrodes, n))
        before = self._drift
        keep = np.exp(-1 / DRIFT_MS)
        push = DRIFT_UV * np.sqrt(1 - keep**2)
        self._drift = before * keep + self._rng.normal(0, push, n_electrodes)
        ramp = np.arange(n) / n
        noise += before[:, None] + (self._drift - before)[:, None] * ramp
        noise[~self._is_recording] *= 0.1
        return noise

    def _disturb(self, found: NDArray[np.float64]) -> None:
        """Artefact where the amplifiers are open; the baseline where they are protected."""
        self._artefact.add_to(found)
        if not self._is_silenced:
            self._evoked.add_to(found)
        if self._blanked_until.max() <= self._now_ms:
            return
        t_ms = self._now_ms + np.arange(self.block_samples) / self.block_samples
        is_held = t_ms < self._blanked_until[:, None]
        found[is_held] = np.broadcast_to(self._drift[:, None], found.shape)[is_held]


class _Slopes:
    """What decays on each electrode in two slopes, fast and slow, of equal and opposite areas."""

    def __init__(self, n_electrodes: int, decay_ms: tuple[float, float], n_samples: int) -> None:
        t_ms = np.arange(n_samples) / n_samples
        fast, slow = (np.exp(-t_ms / ms) for ms in decay_ms)
        self._slopes = np.stack([fast, -slow * decay_ms[0] / decay_ms[1]])
        self._keep = np.exp(-1 / np.array(decay_ms))  # over one block of a millisecond
        self._left_uv = np.zeros((n_electrodes, 2))

    def add(self, peaks_uv: NDArray[np.float64]) -> None:
        self._left_uv += peaks_uv[:, None]

    def add_to(self, found: NDArray[np.float64]) -> None:
        """Add this millisecond's course to (n_electrodes, n_samples) microvolts."""
        if self._left_uv.any():
            found += self._left_uv @ self._slopes
            self._left_uv *= self._keep
            self._left_uv[np.abs(self._left_uv) < 0.1] = 0


def _spike(t_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """An extracellular spike of peak -1: a sharp trough and a slower positive wave."""
    trough = -np.exp(-(((t_ms - 0.35) / 0.12) ** 2))
    wave = 0.35 * np.exp(-(((t_ms - 0.75) / 0.22) ** 2))
    shape: NDArray[np.float64] = (trough + wave) / -(trough + wave).min()
    return shape
