"""Rows of unequal length: whole segments, and samples of rows that run ahead of the others.

What is ahead waits in a stream of its own until every row has it, and then becomes a segment. The
two steps need not be one: readers leave out what of `ahead` lies before the segments' end, so a
crash between them neither loses nor doubles a sample.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import GapError
from crepe.store import codec
from crepe.store.contract import Readable, UnclockedEntry
from crepe.store.stream import Stream


class Piece(NamedTuple):
    """Samples of one row that is ahead, from sample `start` on."""

    row: int
    start: int
    samples: NDArray[Any]

    def pack(self) -> bytes:
        return codec.pack_value(tuple(self))


def ahead_of(stream: str) -> str:
    """The stream beside `stream` in which rows that run ahead wait."""
    return f"{stream}:ahead"


def pieces(store: Readable, stream: str, after: str = "0-0") -> list[tuple[str, Piece]]:
    """All that waits ahead, with its IDs, after the ID `after`."""
    found: list[tuple[str, Piece]] = []
    while True:
        page = store.wait({ahead_of(stream): after}, 0.0, 1000)
        said = [item for _, item in page if isinstance(item, UnclockedEntry)]
        if not said:
            return found
        found += [(item.id, Piece(*codec.unpack_value(item.payload))) for item in said]
        after = said[-1].id


def row_ahead(store: Readable, stream: str, row: int, length: int) -> NDArray[Any]:
    """What of `row` waits ahead, from sample `length` on, where the segments end."""
    parts = []
    at = length
    for _, piece in pieces(store, stream):
        if piece.row == row and piece.start <= at < piece.start + len(piece.samples):
            parts.append(piece.samples[at - piece.start :])
            at += len(parts[-1])
    return np.concatenate(parts) if parts else np.empty(0)


def read_to_gap(stream: Stream, start: int, stop: int) -> NDArray[Any]:
    """The samples of [start, stop) before the first gap: (n_channels, n). Raises GapError if
    there are none because `start` itself is missing."""
    try:
        return stream.read(start, stop)
    except GapError as error:
        end = error.gaps[0][0]
        if end <= start:
            raise
        return stream.read(start, end)


def read_row(store: Readable, stream: Stream, row: int, start: int, n: int) -> NDArray[Any]:
    """What exists of a row in [start, start + n), from the segments and from what is ahead."""
    length = len(stream)
    whole: NDArray[Any] = read_to_gap(stream, min(start, length), min(length, start + n))[row]
    if len(whole) == n or start + len(whole) < length:
        return whole
    ahead = row_ahead(store, stream.name, row, length)
    rest = ahead[max(0, start - length) : max(0, start + n - length)]
    return np.concatenate([whole, rest.astype(whole.dtype)])
