"""Gaps within an Open Ephys recording, by the numbers that it gives its samples."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from crepe.errors import DeviceError

_BLOCK_SAMPLES = 1 << 20  # looked through at once, where there is a gap


class Run(NamedTuple):
    """Samples without a gap: `n_samples` from `first` on, `offset` after the recording's first."""

    offset: int
    first: int
    n_samples: int


def runs_of(path: Path, n_samples: int) -> list[Run]:
    """Return the runs of a recording of `n_samples` from its `sample_numbers.npy`.

    Without such a file, as before Open Ephys 0.6, it is one run. Raises DeviceError for numbers
    that do not fit the samples or do not grow.
    """
    if not path.is_file():
        return [Run(0, 0, n_samples)]
    try:
        numbers = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DeviceError(f"{path}: cannot be read: {error}") from error
    if numbers.shape != (n_samples,) or numbers.dtype.kind not in "iu":
        raise DeviceError(
            f"{path}: {numbers.dtype} of the shape {numbers.shape}, must be {n_samples} integers"
        )
    # Growing integers whose ends are as far apart as their count have no gap between them.
    origin = int(numbers[0])
    starts = [0]
    if int(numbers[-1]) - origin != n_samples - 1:
        for first in range(0, n_samples - 1, _BLOCK_SAMPLES):
            steps = np.diff(numbers[first : first + _BLOCK_SAMPLES + 1].astype(np.int64))
            if (steps < 1).any():
                at = first + int(np.argmax(steps < 1)) + 1
                raise DeviceError(f"{path}: {numbers[at]} at {at} follows {numbers[at - 1]}")
            starts += (first + np.flatnonzero(steps > 1) + 1).tolist()
    stops = [*starts[1:], n_samples]
    return [
        Run(int(numbers[start]) - origin, start, stop - start)
        for start, stop in zip(starts, stops, strict=True)
    ]
