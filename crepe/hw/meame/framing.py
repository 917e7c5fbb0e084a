"""A check that MEAME's blocks begin where they should: their channels carry no mark.

After a short block, or with segments of another length than requested, each row holds samples of
other channels. The reference electrode shows that: it is quiet, the electrodes are not. Two faults
stay invisible: a shift by so few samples that its row stays mostly its own, and the samples at the
end of the very block that was cut, which belong to the next.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE
from crepe.errors import DeviceError
from crepe.messages import Segment

_FIRST_BLOCKS = 10  # from which the level of the reference is measured
_QUIETER = 0.5  # than the electrodes it must be by this factor; chosen
_LOUD_BLOCKS = 20  # in a row: longer than any artefact
_LOUD_TIMES = 5.0
_REFERENCE = MCS_60_LABELS.index(MCS_REFERENCE)


class Framing:
    """A filter that holds blocks back while their framing is uncertain."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._held: list[Segment] = []
        self._limit: float | None = None  # SD of the reference in counts; None until measured

    def check(self, segment: Segment) -> list[Segment]:
        """Return the segments that are released now, in order, with those that were held.

        Raises DeviceError when they are misframed; segments held then must not be used.
        """
        self._held.append(segment)
        if self._limit is None:
            if len(self._held) < _FIRST_BLOCKS:
                return []
            self._limit = self._measure_limit()
        elif _reference_loudness(segment) > self._limit:
            if len(self._held) == _LOUD_BLOCKS:
                raise DeviceError(
                    f"{self._place}: the reference (electrode {MCS_REFERENCE}) has been loud for "
                    f"{_LOUD_BLOCKS} blocks: the framing is lost"
                )
            return []
        released, self._held = self._held, []
        return released

    def _measure_limit(self) -> float:
        """Return the limit of the reference's SD, from the held blocks. Raises DeviceError."""
        loudness = np.median([_loudness(segment) for segment in self._held], axis=0)
        reference, others = loudness[_REFERENCE], np.median(np.delete(loudness, _REFERENCE))
        if others > 1.0 and reference > _QUIETER * others:
            raise DeviceError(
                f"{self._place}: the reference (electrode {MCS_REFERENCE}) has {reference:.0f} "
                f"counts rms, must be below {_QUIETER:g} of the electrodes' {others:.0f}; another "
                "client has asked for another segment length: restart MEAME"
            )
        # A flat reference must not make the limit so small that any noise exceeds it.
        return _LOUD_TIMES * max(1.0, float(reference))


def _loudness(segment: Segment) -> NDArray[np.float64]:
    """Return the SD of each channel in counts.

    Without the last sample, which some versions of MEAME set to zero.
    """
    loudness: NDArray[np.float64] = segment.samples[:, :-1].std(axis=1)
    return loudness


def _reference_loudness(segment: Segment) -> float:
    """Return the SD of the reference, as `_loudness` does: step by step, a tenth of the time."""
    row = segment.samples[_REFERENCE, :-1]
    deviation = row - np.add.reduce(row, dtype=np.float64) / len(row)
    deviation *= deviation
    return sqrt(np.add.reduce(deviation) / len(row))
