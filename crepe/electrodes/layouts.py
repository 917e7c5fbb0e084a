"""Geometry of electrode arrays: the labels of channels, and their positions."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crepe.errors import ConfigError, suggest

MCS_60_LABELS: tuple[str, ...] = tuple(
    """
    47 48 46 45 38 37 28 36 27 17 26 16 35 25 15 14 24 34 13 23
    12 22 33 21 32 31 44 43 41 42 52 51 53 54 61 62 71 63 72 82
    73 83 64 74 84 85 75 65 86 76 87 77 66 78 67 68 55 56 58 57
    """.split()
)
"""Labels of the 60MEA (8x8 without corners) in the channel order of MEAME and of MCS HDF5 files.

A label is column digit, row digit, both from 1, origin top left.
"""

MCS_REFERENCE = "15"
"""The internal reference electrode of the 60MEA: channel 14, never stimulated."""

MCS_SPACING_UM = 200.0
"""Distance of neighbouring electrodes of a 60MEA200 (MCS MEA manual)."""


def grid_labels(n_channels: int) -> tuple[str, ...]:
    """Return labels for `n_channels` electrodes: the MCS order for 60, else numbers from 0."""
    return MCS_60_LABELS if n_channels == 60 else tuple(str(i) for i in range(n_channels))


def channels_of(electrodes: Sequence[str], labels: Sequence[str], place: str) -> NDArray[np.int64]:
    """Return the rows of `electrodes` among `labels`, in their order. Raises ConfigError."""
    for label in electrodes:
        if label not in labels:
            raise ConfigError(f"{place}: no electrode {label!r}{suggest(label, labels)}")
    return np.array([labels.index(label) for label in electrodes], np.int64)


@lru_cache
def is_recording(labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (n,) booleans: the channels that show activity.

    On a 60MEA all but the reference, against which the others are measured.
    """
    # All labels must agree: in a grid, electrode 15 is an ordinary one.
    is_60mea = set(labels) == set(MCS_60_LABELS)
    return np.array([not is_60mea or label != MCS_REFERENCE for label in labels])


def positions_um(
    labels: tuple[str, ...], spacing_um: float = MCS_SPACING_UM
) -> NDArray[np.float64]:
    """Return the positions of electrodes: (n, 2), x and y in micrometres.

    The MCS layout if all labels belong to it, else a square grid filled row by row.
    """
    if set(labels) <= set(MCS_60_LABELS):
        cells = [(int(label[0]) - 1, int(label[1]) - 1) for label in labels]
    else:
        side = int(np.ceil(np.sqrt(len(labels))))
        cells = [(i % side, i // side) for i in range(len(labels))]
    return np.asarray(cells, dtype=np.float64).reshape(-1, 2) * spacing_um
