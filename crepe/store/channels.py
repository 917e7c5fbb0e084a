"""Channels of a stream: rows by label or by index, and the same stream in microvolts."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crepe.errors import suggest

if TYPE_CHECKING:
    from crepe.store.stream import Stream

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


class Microvolts:
    """A stream of segments, indexed and read in microvolts."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<Microvolts of {self._stream!r}>"

    def __getitem__(self, index: Any) -> NDArray[np.float64]:
        rows = index[0] if isinstance(index, tuple) else index
        return self._stream.scaled(self._stream[index], rows)

    def read(self, start: int, stop: int, *, fill: float | None = None) -> NDArray[np.float64]:
        """Return what `Stream.read` does, in microvolts."""
        return self._stream.scaled(self._stream.read(start, stop, fill=fill))
