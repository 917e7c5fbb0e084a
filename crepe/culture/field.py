"""Slow potentials at the electrodes: the field of the cells that fire, and decaying artefacts."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Each spike adds a slow potential that falls with distance, and the field is their sum (Telenczuk,
# Telenczuk & Destexhe 2020, J Neurosci Methods 344:108871: 1/e in 200 um, widest some 10 ms after
# the spike). All numbers are chosen: four fast constants, so that the potential begins smoothly and
# all but nothing of it is left in the band of the spikes, and a slow one of amplifiers that are
# coupled by capacitors, which makes its mean zero.
FIELD_UV, FIELD_REACH_UM = 3.0, 300.0  # largest negative value at the cell, and its fall to 1/e
FIELD_MS = (2.0, 3.0, 4.0, 5.0, 15.0)
_GONE = 150.0  # time constants: e^-150 is 1e-65, and the least float32 1e-45


class Field:
    """The local field potential: the sum over the cells that fired.

    Parameters
    ----------
    distance_um
        (n_cells, n_electrodes).
    is_recording
        (n_electrodes,); False for the reference.
    """

    def __init__(
        self,
        distance_um: NDArray[np.float64],
        is_recording: NDArray[np.bool_],
        block_samples: int,
    ) -> None:
        near = -FIELD_UV * np.exp(-distance_um / FIELD_REACH_UM) * is_recording
        self._gain_uv = near.astype(np.float32)
        self._course = Course(len(is_recording), FIELD_MS, block_samples)

    def add(self, fired: NDArray[np.int64]) -> None:
        """Let cells fire in the next millisecond."""
        self._course.add(self._gain_uv[fired].sum(axis=0))

    def next(self) -> Floats:
        """Return (n_electrodes, block_samples) microvolts of the next millisecond."""
        return self._course.next()


class Course:
    """A potential that begins on each electrode and decays, without an offset.

    It is an impulse through low passes of the time constants and a derivative, which leaves no
    area: a sum of as many exponentials. From three time constants on it begins at zero, from four
    on smoothly. Its largest value is 1.
    """

    def __init__(
        self, n_electrodes: int, time_constants_ms: tuple[float, ...], block_samples: int
    ) -> None:
        rate = 1 / np.array(time_constants_ms)
        between = rate[np.newaxis] - rate[:, np.newaxis]
        np.fill_diagonal(between, 1.0)
        part = -rate / between.prod(axis=1)
        t_ms = np.arange(0.0, 10 * max(time_constants_ms), 0.01)
        part /= (part @ np.exp(-rate[:, np.newaxis] * t_ms)).max()
        within_ms = np.arange(block_samples) / block_samples
        self._parts = part[:, np.newaxis] * np.exp(-rate[:, np.newaxis] * within_ms)
        self._left = np.zeros((n_electrodes, len(rate)))
        # Over a millisecond. As large as `_left`: numpy takes three times as long to stretch it.
        self._keep = np.repeat(np.exp(-rate)[np.newaxis], n_electrodes, axis=0)
        # Then a float32 has long been 0, also of the largest potential.
        self._lasts_ms = round(_GONE * max(time_constants_ms))
        self._ms_ahead = 0

    @property
    def is_active(self) -> bool:
        """Whether the next millisecond has anything of it."""
        return self._ms_ahead > 0

    def add(self, size_uv: NDArray[np.floating]) -> None:
        """Begin now, with this largest value for each electrode."""
        if not self.is_active:
            self._left[:] = 0
        self._ms_ahead = self._lasts_ms
        self._left += size_uv[:, np.newaxis]

    def next(self) -> Floats:
        """Return (n_electrodes, block_samples) microvolts of the next millisecond."""
        # `@` takes three times as long for so small matrices.
        now: Floats = np.dot(self._left, self._parts).astype(np.float32)
        self._left *= self._keep
        self._ms_ahead -= 1
        return now
