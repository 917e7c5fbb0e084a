"""Whether MEAME's blocks are what they are taken for: their channels carry no mark.

A short block, or segments of another length than was asked for, put samples of other channels in
each channel's place. The reference electrode tells: it is quiet, and an electrode is not. What it
cannot tell: a shift by so few samples that its row stays mostly its own, and which samples at the
end of the very block that was cut are the next one's.
"""

import numpy as np
from numpy.typing import NDArray

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE
from crepe.errors import DeviceError
from crepe.messages import Segment

_FIRST_BLOCKS = 10  # from which it is learned how quiet the reference is
_QUIETER = 0.5  # than the electrodes it must be by this factor; chosen
_LOUD_BLOCKS = 20  # in a row: longer than any artefact
_LOUD_TIMES = 5.0
_REFERENCE = MCS_60_LABELS.index(MCS_REFERENCE)


class Framing:
    """Holds blocks back while it is not certain whose samples they are."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._held: list[Segment] = []
        self._limit: float | None = None  # SD of the reference in counts, once it is learned

    def check(self, segment: Segment) -> list[Segment]:
        """The segments that may go on now, in order, with those that were held.

        Raises DeviceError when they are misframed; what was held then is not to be used.
        """
        self._held.append(segment)
        if self._limit is None:
            if len(self._held) < _FIRST_BLOCKS:
                return []
            self._limit = self._learned()
        elif _loudness(segment)[_REFERENCE] > self._limit:
            if len(self._held) == _LOUD_BLOCKS:
                raise DeviceError(
                    f"{self._place}: the reference (electrode {MCS_REFERENCE}) has been loud for "
                    f"{_LOUD_BLOCKS} blocks: the framing is lost"
                )
            return []
        released, self._held = self._held, []
        return released

    def _learned(self) -> float:
        loudness = np.median([_loudness(segment) for segment in self._held], axis=0)
        reference, others = loudness[_REFERENCE], np.median(np.delete(loudness, _REFERENCE))
        if others > 1.0 and reference > _QUIETER * others:
            raise DeviceError(
                f"{self._place}: the reference (electrode {MCS_REFERENCE}) has {reference:.0f} "
                f"counts rms, must be below {_QUIETER:g} of the electrodes' {others:.0f}; another "
                "client has asked for another segment length: restart MEAME"
            )
        return _LOUD_TIMES * max(1.0, float(reference))


def _loudness(segment: Segment) -> NDArray[np.float64]:
    """SD of each channel in counts; without the last sample, which some versions of MEAME zero."""
    loudness: NDArray[np.float64] = segment.samples[:, :-1].std(axis=1)
    return loudness
