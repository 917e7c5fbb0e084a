"""The voltage at the electrodes: waveforms of cells, noise, drift."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# An extracellular spike falls with distance (Gold et al. 2006, J Neurophysiol 95:3113); size and
# widths are those of a 60MEA with dissociated cells.
SPIKE_UV, SPIKE_DECAY_UM = 140.0, 60.0  # peak at the electrode, and its fall to 1/e
SPIKE_SPREAD = 0.35  # SD of the logarithm of a cell's size
LEAST_UV = 3.0  # smaller spikes are part of the noise
N_SHAPES = 8  # of different width
WIDTHS = (0.8, 1.5)
SPIKE_MS = 3  # longest waveform
# 1/f noise as a sum of three processes of different memory, beside thermal noise and drift.
FLICKER_UV, FLICKER_MS = 1.5, (5.0, 50.0, 500.0)
DRIFT_UV, DRIFT_MS = 5.0, 500.0  # slow potential of each electrode: SD and time constant
QUIET = 0.1  # part of noise and drift that the reference electrode has

_N_MS = 100  # length of noise that is drawn at once


class Contacts:
    """The spikes of firing cells as the electrodes record them.

    Parameters
    ----------
    distance_um
        (n_cells, n_electrodes).
    is_recording
        (n_electrodes,); False for the reference.
    rng
        Draws size and shape of the cells' spikes.
    """

    def __init__(
        self,
        distance_um: NDArray[np.float64],
        is_recording: NDArray[np.bool_],
        block_samples: int,
        rng: np.random.Generator,
    ) -> None:
        n_cells, n_electrodes = distance_um.shape
        size = rng.lognormal(0.0, SPIKE_SPREAD, (n_cells, 1))
        gain = SPIKE_UV * size * np.exp(-distance_um / SPIKE_DECAY_UM)
        gain[:, ~is_recording] = 0
        self._seen_by = [np.flatnonzero(row > LEAST_UV) for row in gain]
        self._gain_uv = [row[seen] for row, seen in zip(gain, self._seen_by, strict=True)]
        t_ms = np.arange(SPIKE_MS * block_samples) / block_samples
        widths = np.linspace(*WIDTHS, N_SHAPES)
        # A spike begins at any sample of its millisecond: there is a waveform for each.
        shapes = np.stack(
            [[_spike((t_ms - at) / w) for at in _starts(block_samples)] for w in widths]
        )
        self._shapes = shapes.astype(np.float32)  # (shape, place, samples)
        self._shape = np.asarray(rng.integers(0, N_SHAPES, n_cells))
        self._ahead = np.zeros((n_electrodes, shapes.shape[2]), np.float32)
        self._n = block_samples
        self._ms_ahead = 0  # until the last spike is over

    @property
    def is_active(self) -> bool:
        """Whether the next millisecond has a part of a spike."""
        return self._ms_ahead > 0

    def add(self, fired: NDArray[np.int64], place: NDArray[np.int64]) -> None:
        """Let cells fire in the next millisecond, each at its sample `place`."""
        for cell, at in zip(fired.tolist(), place.tolist(), strict=True):
            seen = self._seen_by[cell]
            if seen.size:
                shape = self._shapes[self._shape[cell], at]
                self._ahead[seen] += self._gain_uv[cell][:, np.newaxis] * shape
                self._ms_ahead = SPIKE_MS

    def next(self) -> Floats:
        """Return the next millisecond, (n_electrodes, block_samples) microvolts of spikes alone."""
        now = self._ahead[:, : self._n].copy()
        self._ahead[:, : -self._n] = self._ahead[:, self._n :]
        self._ahead[:, -self._n :] = 0
        self._ms_ahead -= 1
        return now


class Background:
    """Thermal noise, 1/f noise and slow drift of each electrode, drawn for a tenth of a second."""

    def __init__(
        self,
        noise_uv: float,
        is_recording: NDArray[np.bool_],
        block_samples: int,
        rng: np.random.Generator,
    ) -> None:
        self._rng = rng
        self._n = block_samples
        # As large as a millisecond of noise: numpy takes several times as long to stretch it.
        part = np.where(is_recording, 1.0, QUIET).astype(np.float32)
        self._part = np.repeat(part[:, np.newaxis], block_samples, axis=1)
        self._noise_uv = np.float32(noise_uv)
        memory_ms = np.array([*FLICKER_MS, DRIFT_MS])
        keep = np.exp(-1 / memory_ms).astype(np.float32)
        self._keep = np.repeat(keep[:, np.newaxis], len(is_recording), axis=1)
        sd = np.array([FLICKER_UV / np.sqrt(len(FLICKER_MS))] * len(FLICKER_MS) + [DRIFT_UV])
        # Adds each millisecond the variance that `_keep` takes away, so the SD stays the same.
        self._push = (sd * np.sqrt(1 - np.exp(-2 / memory_ms))).astype(np.float32)
        self._slow = np.zeros((len(memory_ms), len(is_recording)), np.float32)
        self._ramp = (np.arange(block_samples) / block_samples).astype(np.float32)
        self._at = _N_MS
        self._base = np.empty((0, 0), np.float32)

    @property
    def drift_uv(self) -> Floats:
        """(n_electrodes,): the present baseline."""
        now: Floats = self._base[self._at - 1]
        return now

    def next(self) -> Floats:
        """Return the next millisecond, (n_electrodes, block_samples) microvolts.

        The caller may change the array.
        """
        if self._at == _N_MS:
            self._draw()
        now: Floats = self._noise[self._at]
        self._at += 1
        return now

    def _draw(self) -> None:
        n_electrodes = self._slow.shape[1]
        draws = self._rng.standard_normal((_N_MS, *self._slow.shape), np.float32)
        draws *= self._push[:, np.newaxis]
        slow = np.empty((_N_MS + 1, *self._slow.shape), np.float32)
        slow[0] = before = self._slow
        for now, drawn in zip(slow[1:], draws, strict=True):
            np.multiply(before, self._keep, now)
            np.add(now, drawn, now)
            before = now
        self._slow = before
        base = slow.sum(axis=1)
        noise = self._rng.standard_normal((_N_MS, n_electrodes, self._n), np.float32)
        noise *= self._noise_uv
        noise += base[:-1, :, np.newaxis]
        # A ramp, since a step between milliseconds would pass the filters and count as spikes.
        # A product of matrices takes a third of the time of one that numpy stretches.
        change = (base[1:] - base[:-1]).reshape(-1, 1)
        noise += np.dot(change, self._ramp[np.newaxis]).reshape(noise.shape)
        noise *= self._part
        self._noise, self._base = noise, base[1:] * self._part[:, 0]
        self._at = 0


def _starts(block_samples: int) -> NDArray[np.float64]:
    """Return the times of the samples of a millisecond."""
    starts: NDArray[np.float64] = np.arange(block_samples) / block_samples
    return starts


def _spike(t_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an extracellular spike of peak -1: a sharp trough and a slower positive wave."""
    trough = -np.exp(-(((t_ms - 0.35) / 0.12) ** 2))
    wave = 0.35 * np.exp(-(((t_ms - 0.75) / 0.22) ** 2))
    return np.asarray(trough + wave)
