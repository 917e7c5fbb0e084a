"""A simulated culture under an array: spiking cells, their excitation, the electrodes' voltages.

Of an experiment it receives only the currents at its electrodes. Time advances in blocks of a
millisecond, so that the same seed gives the same samples for any length of segments.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crepe.culture.contacts import Background, Contacts
from crepe.culture.contract import CellNetwork, Shot
from crepe.culture.field import Course, Field
from crepe.culture.settings import CultureSettings
from crepe.electrodes.layouts import (
    MCS_60_LABELS,
    MCS_SPACING_UM,
    is_recording,
    positions_60mea_um,
)
from crepe.hw.entry_points import import_class
from crepe.hw.meame.wire import TICK_US

MARGIN_UM = 100.0  # of the cells' plane beyond the outer electrodes
# Stimulation: cells near the electrode fire if the charge that reaches them exceeds their
# threshold, with a chance that rises over JITTER around it (Ranck 1975, Brain Res 98:417). It is
# done by negative current, whatever the pulse's shape (Wagenaar, Pine & Potter 2004, J Neurosci
# Methods 138:27); where a pulse ends with a positive phase the electrode discharges, and
# DISCHARGED of that charge comes back as negative current. All five numbers are chosen.
CURRENT_REACH_UM = 120.0  # a current's effect falls to 1/e at this distance
THRESHOLD_NC = (0.1, 1.2)
JITTER = 0.15  # SD of a threshold from pulse to pulse, as a part of it
DISCHARGED = 0.5
DIRECT_MS = (1, 4)  # latency of cells that a current excites, in whole milliseconds
# The artefact leaves no offset: amplifiers are coupled by capacitors. Chosen.
ARTEFACT_UV_PER_UA, ARTEFACT_REACH_UM, ARTEFACT_MS = 180.0, 250.0, (0.25, 0.45)


class Culture:
    """The voltage at every electrode, a millisecond at a time.

    `settings.seed` draws the culture: its cells and their wiring; `settings.course` draws all that
    happens in it by chance.

    Parameters
    ----------
    labels
        Of the electrodes; the reference of a 60MEA stays quiet.

    Attributes
    ----------
    network
        The cells and their synapses.
    distance_um
        (n_cells, n_electrodes).
    """

    def __init__(
        self, settings: CultureSettings, labels: tuple[str, ...], sampling_rate_hz: float
    ) -> None:
        self._settings = settings
        self.block_samples = max(1, round(sampling_rate_hz / 1000))
        anatomy = np.random.default_rng(settings.seed)
        # A generator for each part: a silenced culture has the same noise as one that fires.
        chance = [np.random.default_rng([settings.seed, settings.course, i]) for i in range(3)]
        self._rng = chance[0]
        electrodes_um = _places_um(labels, settings.spacing_um)
        first_um, last_um = electrodes_um.min(axis=0), electrodes_um.max(axis=0)
        width, height = (last_um - first_um + 2 * MARGIN_UM).tolist()
        kind = import_class(settings.network, CellNetwork, "[culture.simulated] network")
        self.network: CellNetwork = kind(settings, (width, height), anatomy, chance[1])
        cells_um = self.network.cells_um + first_um - MARGIN_UM
        self.distance_um = _distances_um(cells_um, electrodes_um)
        self._between_um = _distances_um(electrodes_um, electrodes_um)
        self._is_recording = is_recording(labels)
        self._threshold_nc = anatomy.uniform(*THRESHOLD_NC, self.network.n_cells)
        n, block = len(labels), self.block_samples
        self._field = Field(self.distance_um, self._is_recording, block)
        self._contacts = Contacts(self.distance_um, self._is_recording, block, anatomy)
        self._background = Background(settings.noise_uv, self._is_recording, block, chance[2])
        self._due: defaultdict[int, list[NDArray[np.int64]]] = defaultdict(list)
        self._blanked_until = np.zeros(n)  # ms
        self._last_blanked = 0.0  # ms: the latest of them
        self._artefact = Course(n, ARTEFACT_MS, block)
        self._now_ms = 0

    def block(self, shots: Sequence[Shot]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the next millisecond: microvolts (n_electrodes, block_samples), cells that fired.

        `shots` are the pulses of this millisecond, their ticks counted from its beginning.
        """
        fired = self._fire(shots)
        voltage_uv = self._background.next()
        if len(fired):  # in most milliseconds none does
            place = self._rng.integers(0, self.block_samples, len(fired))
            self._contacts.add(fired, place)
            self._field.add(fired)
        if self._contacts.is_active:
            voltage_uv += self._contacts.next()
        field_uv = self._field.next()
        voltage_uv += field_uv
        if self._artefact.is_active:
            voltage_uv += self._artefact.next()
        self._blank(voltage_uv, field_uv)
        self._now_ms += 1
        return voltage_uv, fired

    def fire(self, shots: Sequence[Shot]) -> NDArray[np.int64]:
        """Return the cells that fire in the next millisecond, without the electrodes' voltages.

        In a fifth of the time. A culture that is advanced by it is advanced by nothing else.
        """
        fired = self._fire(shots)
        self._now_ms += 1
        return fired

    def _fire(self, shots: Sequence[Shot]) -> NDArray[np.int64]:
        for shot in shots:
            self._stimulate(shot)
        due = self._due.pop(self._now_ms, None)
        settings = self._settings
        return self.network.step(
            np.unique(np.concatenate(due)) if due else _NO_CELL,
            is_silenced=settings.silenced or self._is_in(settings.silenced_s),
            is_blocked=settings.blocked or self._is_in(settings.blocked_s),
        )

    def _is_in(self, windows_s: Sequence[tuple[float, float]]) -> bool:
        now_s = self._now_ms / 1000
        return any(start <= now_s < stop for start, stop in windows_s)

    def _stimulate(self, shot: Shot) -> None:
        """Apply a pulse to cells and to amplifiers."""
        negative_nc = sum(-ua * us / 1000 for ua, us in shot.phases if ua < 0)
        positive_nc = sum(ua * us / 1000 for ua, us in shot.phases if ua > 0)
        exciting_nc = max(negative_nc, DISCHARGED * positive_nc)
        largest_ua = max((abs(ua) for ua, _ in shot.phases), default=0.0)
        at = list(shot.electrodes)
        near = np.exp(-self.distance_um[:, at] / CURRENT_REACH_UM).sum(axis=1)
        self._excite(exciting_nc * near)
        near = np.exp(-self._between_um[:, at] / ARTEFACT_REACH_UM).sum(axis=1)
        self._artefact.add(ARTEFACT_UV_PER_UA * largest_ua * near * self._is_recording)
        if shot.blanked:
            until_ms = self._now_ms + (shot.tick * TICK_US + shot.blanked_us) / 1000
            blanked = list(shot.blanked)
            self._blanked_until[blanked] = np.maximum(self._blanked_until[blanked], until_ms)
            self._last_blanked = max(self._last_blanked, until_ms)

    def _excite(self, charge_nc: NDArray[np.float64]) -> None:
        """Let excited cells fire a little later, each after its own delay."""
        # Below that even the lowest threshold is more than three SD of its jitter away.
        near = np.flatnonzero(charge_nc >= THRESHOLD_NC[0] / 2)
        threshold_nc = self._threshold_nc[near] * self._rng.normal(1.0, JITTER, len(near))
        reached = near[charge_nc[near] >= threshold_nc]
        delay_ms = self._rng.integers(*DIRECT_MS, len(reached))
        for delay in range(*DIRECT_MS):
            self._due[self._now_ms + delay].append(reached[delay_ms == delay])

    def _blank(self, voltage_uv: NDArray[np.float32], field_uv: NDArray[np.float32]) -> None:
        """Let protected amplifiers show slow potentials only; their release makes no step."""
        if self._last_blanked <= self._now_ms:
            return
        t_ms = self._now_ms + np.arange(self.block_samples) / self.block_samples
        is_held = t_ms < self._blanked_until[:, None]
        voltage_uv[is_held] = (field_uv + self._background.drift_uv[:, None])[is_held]


_NO_CELL = np.empty(0, np.int64)


def _distances_um(a_um: NDArray[np.float64], b_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each point of `a_um` from each of `b_um`: (len(a_um), len(b_um)).

    In place, since 10,000 cells and 4,096 electrodes take 330 MB for each array on the way.
    """
    x, y = (np.subtract.outer(a_um[:, i], b_um[:, i]) for i in range(2))
    x *= x
    y *= y
    x += y
    return np.sqrt(x, out=x)


def _places_um(labels: tuple[str, ...], spacing_um: float) -> NDArray[np.float64]:
    """Return where a culture's electrodes are: (n, 2), those of a 60MEA or else a square grid."""
    if set(labels) <= set(MCS_60_LABELS):
        return positions_60mea_um(labels) * (spacing_um / MCS_SPACING_UM)
    row = np.arange(len(labels))
    side = int(np.ceil(np.sqrt(len(labels))))
    return spacing_um * np.stack([row % side, row // side], axis=1).astype(np.float64)
