"""Rows of unequal length: whole segments, and samples of rows that run ahead of the others.

Samples of a row that runs ahead wait in a stream of their own until every row has them, and then
become a segment. The two steps need not be atomic: readers ignore waiting samples before the end of
the segments, so a crash between the steps neither loses nor duplicates a sample.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import GapError
from crepe.store import codec
from crepe.store.contract import Readable, UnclockedEntry
from crepe.store.stream import Stream


class RowPart(NamedTuple):
    """Samples of one row that is ahead, from sample `start` on."""

    row: int
    start: int
    samples: NDArray[Any]

    def pack(self) -> bytes:
        """Return the payload of its entry."""
        return codec.pack_value(tuple(self))


def ahead_of(stream: str) -> str:
    """Return the name of the stream in which samples of rows that run ahead wait."""
    return f"{stream}:ahead"


def parts_ahead(store: Readable, stream: str, after: str = "0-0") -> list[tuple[str, RowPart]]:
    """Return all parts that wait, with the IDs of their entries, after the ID `after`."""
    parts: list[tuple[str, RowPart]] = []
    while True:
        page = store.wait({ahead_of(stream): after}, 0.0, 1000)
        items = [item for _, item in page if isinstance(item, UnclockedEntry)]
        if not items:
            return parts
        parts += [(item.id, RowPart(*codec.unpack_value(item.payload))) for item in items]
        after = items[-1].id


def row_ahead(store: Readable, stream: str, row: int, length: int) -> NDArray[Any]:
    """Return the waiting samples of a row from `length` on, where the segments end."""
    parts = []
    at = length
    for _, part in parts_ahead(store, stream):
        # Parts may overlap: a crash while a service compacts leaves samples in two of them.
        if part.row == row and part.start <= at < part.start + len(part.samples):
            parts.append(part.samples[at - part.start :])
            at += len(parts[-1])
    return np.concatenate(parts) if parts else np.empty(0)


def read_to_gap(stream: Stream, start: int, stop: int) -> NDArray[Any]:
    """Return the samples of [start, stop) before the first gap: (n_channels, n).

    Raises GapError if `start` itself is missing.
    """
    try:
        return stream.read(start, stop)
    except GapError as error:
        end = error.gaps[0][0]
        if end <= start:
            raise
        return stream.read(start, end)


def read_row(store: Readable, stream: Stream, row: int, start: int, n: int) -> NDArray[Any]:
    """Return the samples of a row in [start, start + n), of segments and of waiting parts."""
    length = len(stream)
    whole: NDArray[Any] = read_to_gap(stream, min(start, length), min(length, start + n))[row]
    # Before a gap the samples are fewer, too, and the waiting parts do not follow on them.
    if len(whole) == n or start + len(whole) < length:
        return whole
    ahead = row_ahead(store, stream.name, row, length)
    rest = ahead[max(0, start - length) : max(0, start + n - length)]
    return np.concatenate([whole, rest.astype(whole.dtype)])
