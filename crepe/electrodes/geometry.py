"""Positions of a stream's electrodes; an unknown position stays unknown."""

# Decision 53: why nothing is guessed.

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_SPACING_UM, layout_named
from crepe.electrodes.probe import read_probe
from crepe.errors import ConfigError
from crepe.messages import Position, StreamInfo

OWN_LAYOUT = f"60MEA{MCS_SPACING_UM:.0f}"
"""The array behind a MEAME server, unless `geometry` names another."""


def positions_um(info: StreamInfo) -> tuple[Position | None, ...]:
    """Return x and y of each electrode in micrometres, None where they are not known.

    A stream that says nothing about positions, as those of CREPE 0.1 do, has the array behind a
    MEAME server if it has the labels of that array in that order.
    """
    if info.positions_um:
        return info.positions_um
    if info.labels == MCS_60_LABELS:
        layout = layout_named(OWN_LAYOUT, "")
        return tuple(layout.position_um(label) for label in info.labels)
    return (None,) * info.n_channels


def as_array(positions: Iterable[Position | None]) -> NDArray[np.float64]:
    """Return positions as an array (n, 2) of micrometres, nan where they are not known."""
    unknown = (np.nan, np.nan)
    return np.array([p or unknown for p in positions], np.float64).reshape(-1, 2)


def on_grid(info: StreamInfo) -> StreamInfo:
    """Return the description of an invented instrument, whose electrodes form a square grid.

    With the labels of a 60MEA it is that array.
    """
    if info.labels == MCS_60_LABELS:
        return with_geometry(info, OWN_LAYOUT, info.source)
    side, spacing = ceil(sqrt(max(1, info.n_channels))), MCS_SPACING_UM
    positions = tuple((i % side * spacing, i // side * spacing) for i in range(info.n_channels))
    return replace(info, positions_um=positions, geometry=f"grid of {side} columns")


def with_geometry(info: StreamInfo, geometry: str, place: str) -> StreamInfo:
    """Return the description with positions from a named array or a probeinterface file.

    Labels that the array does not have keep no position. Raises ConfigError for an unknown name,
    and for a file that cannot be read or does not fit the channels.
    """
    if not geometry:
        return info
    if geometry.lower().endswith(".json"):
        path = Path(geometry).expanduser()
        return replace(info, positions_um=read_probe(path, info), geometry=path.name)
    layout = layout_named(geometry, place)
    positions = tuple(layout.position_um(label) for label in info.labels)
    if not any(positions):
        raise ConfigError(
            f"{place}: {layout.name} has none of the electrodes {', '.join(info.labels[:5])}, ..."
        )
    return replace(info, positions_um=positions, geometry=layout.name)


def unknown_text(labels: Sequence[str], positions: Sequence[Position | None]) -> str:
    """Return a sentence about electrodes without a position, for people; "" if all have one."""
    without = [label for label, p in zip(labels, positions, strict=True) if p is None]
    if not without:
        return ""
    if len(without) == len(labels):
        return "positions of the electrodes: not known"
    listed = ", ".join(without[:8]) + (", ..." if len(without) > 8 else "")
    return f"positions not known of {len(without)} of {len(labels)} electrodes: {listed}"
