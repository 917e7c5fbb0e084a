"""Blocks of any length, as instruments send them, cut into segments of one length."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.messages import Segment


class Segmenter:
    """Samples that wait until they fill a segment; before a gap a shorter one is released.

    Parameters
    ----------
    position
        Sample index at which the first block begins.
    segment_samples
        Length of a segment.
    """

    def __init__(self, position: int, segment_samples: int) -> None:
        self._segment_samples = segment_samples
        self._position = position
        self._waiting: NDArray[Any] | None = None  # (n_channels, n_samples) before `position`
        self._t_ns = 0

    @property
    def position(self) -> int:
        """Sample index at which the next block begins, unless there is a gap."""
        return self._position

    def add(self, start: int, samples: NDArray[Any], t_ns: int) -> list[Segment]:
        """Return the segments that a block completes.

        `samples` are (n_channels, n_samples) and begin at sample `start`; a later one than
        `position` makes a gap. Raises DeviceError for samples that were there before.
        """
        if start < self._position:
            raise DeviceError(
                f"sample {start} came after {self._position - 1}; samples must not go back"
            )
        segments = self._flush() if start > self._position else []
        if self._waiting is not None:
            samples = np.concatenate((self._waiting, samples), axis=1)
            start -= self._waiting.shape[1]
        n, whole = self._segment_samples, samples.shape[1] // self._segment_samples
        for at in range(0, whole * n, n):
            part = np.ascontiguousarray(samples[:, at : at + n])
            segments.append(Segment(start + at, start + at + n, part, t_ns))
        rest = samples[:, whole * n :]
        self._waiting = rest.copy() if rest.shape[1] else None  # a view would keep the block
        self._position, self._t_ns = start + samples.shape[1], t_ns
        return segments

    def _flush(self) -> list[Segment]:
        """Return the samples before a gap as one short segment."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return []
        start = self._position - waiting.shape[1]
        return [Segment(start, self._position, waiting, self._t_ns)]
