"""Rows of a stream by the labels of their electrodes, or by index."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.errors import suggest

Rows = int | str | slice | list[int] | list[str] | tuple[str, ...] | NDArray[Any]
"""Text names channels by label, and numbers are indices: "12" is electrode 12, and 12 the row."""


def row_index(rows: Any, labels: tuple[str, ...], name: str) -> Any:
    """Return rows as numpy takes them, with labels replaced by indices.

    Raises
    ------
    KeyError
        A label is not one of `labels`, or is that of several channels.
    IndexError
        A number is not the index of a channel.
    """
    if isinstance(rows, str):
        return _row(rows, labels, name)
    if isinstance(rows, list | tuple | np.ndarray) and len(rows) and isinstance(rows[0], str):
        return [_row(label, labels, name) for label in rows]
    n = len(labels)
    if isinstance(rows, int | np.integer) and not -n <= rows < n:
        raise IndexError(f"{name}: channel {rows}, there are {n}")
    return rows


def _row(label: Any, labels: tuple[str, ...], name: str) -> int:
    n = labels.count(label)
    if n == 0:
        raise KeyError(f"{name}: no electrode {str(label)!r}{suggest(str(label), labels)}")
    if n > 1:
        raise KeyError(f"{name}: {n} channels are labelled {str(label)!r}; give an index")
    return labels.index(label)
