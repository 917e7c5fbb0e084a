"""Electrode arrays by name: the labels of channels, and their places in the grid."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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

    All but references, against which the others are measured: electrode 15 of a 60MEA, and every
    channel that MCS software labels `Ref`.
    """
    # All labels must agree: in a grid, electrode 15 is an ordinary one.
    is_60mea = set(labels) == set(MCS_60_LABELS)
    return np.array(
        [not is_reference(label) and not (is_60mea and label == MCS_REFERENCE) for label in labels]
    )


def is_reference(label: str) -> bool:
    """Whether MCS software labels a channel as the reference."""
    return label.strip().lower() in ("ref", "reference")


@dataclass(frozen=True)
class Layout:
    """A named array: the cell of each electrode in a grid, and the distance of neighbours.

    `cells` has column and row by label, both from 0, origin top left.
    """

    name: str
    cells: Mapping[str, tuple[int, int]]
    spacing_um: float

    def position_um(self, label: str) -> tuple[float, float] | None:
        """Return x and y of an electrode in micrometres; None for a label that it does not have."""
        cell = self.cells.get(label)
        return None if cell is None else (cell[0] * self.spacing_um, cell[1] * self.spacing_um)


def find_layout(name: str) -> Layout | None:
    """Return the layout for the name of an array of MCS, such as 60MEA200/30iR or 120MEA100.

    None for an array whose geometry is not known here: a hexagonal one, one with several wells,
    the 6 x 10 grid of 60MEA500, or one of another maker.
    """
    match = _ARRAY.match(name.strip())
    if match is None or match["kind"] not in _KINDS:
        return None
    cells, spacings_um = _KINDS[match["kind"]]
    if spacings_um is not None and int(match["spacing"]) not in spacings_um:
        return None
    return Layout(match["kind"] + match["spacing"], cells(), float(match["spacing"]))


def layout_named(name: str, place: str) -> Layout:
    """Return the layout of that name. Raises ConfigError, which lists the known ones."""
    layout = find_layout(name)
    if layout is None:
        raise ConfigError(
            f"{place}: no array {name!r}; known are {LAYOUT_NAMES}, "
            "or the path of a probeinterface file (.json)"
        )
    return layout


def positions_60mea_um(labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the positions of electrodes of a 60MEA200 by their labels: (n, 2) micrometres."""
    return MCS_SPACING_UM * np.array([_cells_60()[label] for label in labels], np.float64)


LAYOUT_NAMES = "60MEA100, 60MEA200, 120MEA<spacing in um>, 252MEA<spacing>, 256MEA<spacing>"

_ARRAY = re.compile(r"(?P<kind>60(?:Thin|Pedot)?MEA|\d+MEA)(?P<spacing>\d+)(?![\d.])")


def _cells_60() -> Mapping[str, tuple[int, int]]:
    cells = {label: (int(label[0]) - 1, int(label[1]) - 1) for label in MCS_60_LABELS}
    return {**cells, "Ref": cells[MCS_REFERENCE]}


def _lettered(letters: str) -> Mapping[str, tuple[int, int]]:
    """Return the cells of a square grid: a letter for the column, a number for the row."""
    side = range(len(letters))
    return {f"{letters[x]}{y + 1}": (x, y) for y in side for x in side}


# Of the larger arrays all cells of the square have a label by this rule (no I and no Q), also the
# corners that have no electrode (MCS MEA manual).
_KINDS: Mapping[str, tuple[Callable[[], Mapping[str, tuple[int, int]]], set[int] | None]] = {
    **dict.fromkeys(("60MEA", "60ThinMEA", "60PedotMEA"), (_cells_60, {100, 200})),
    "120MEA": (lambda: _lettered("ABCDEFGHJKLM"), None),
    **dict.fromkeys(("252MEA", "256MEA"), (lambda: _lettered("ABCDEFGHJKLMNOPR"), None)),
}
