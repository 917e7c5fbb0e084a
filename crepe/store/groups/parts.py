"""Messages about channels, split into those of groups of channels, and joined again.

What is joined equals to the bit what an actor of all channels would have written: spikes are in
order of time, and those of one sample in order of their channels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Cutouts, Message, Segment, Spikes
from crepe.store.groups.names import rows_of
from crepe.store.segments import cut, joined

BY_CHANNEL: tuple[type[Message], ...] = (Segment, Spikes, Cutouts)
"""The types of messages that can be split by channels."""


def split(message: Message, n_channels: int, n_groups: int) -> list[Message]:
    """Return the messages of the groups of channels."""
    groups = rows_of(n_channels, n_groups)
    if isinstance(message, Segment):
        return [replace(message, samples=message.samples[rows]) for rows in groups]
    assert isinstance(message, Spikes | Cutouts)
    channel = message.channel
    return [
        _selected(
            replace(message, channel=channel - np.int32(rows.start)),
            np.flatnonzero((channel >= rows.start) & (channel < rows.stop)),
        )
        for rows in groups
    ]


def join(groups: Sequence[Sequence[Message]], first_rows: Sequence[int]) -> list[Message]:
    """Return the messages of whole arrays for those of each group.

    Parameters
    ----------
    groups
        The messages of each group, which follow each other without a gap.
    first_rows
        The row of the whole array that is the first one of each group.
    """
    windows = {tuple((message.start, message.stop) for message in group) for group in groups}
    if len(windows) == 1:
        return [_join(parts, first_rows) for parts in zip(*groups, strict=True)]
    # Groups that were cut at different samples: what all of them have becomes one message.
    start, stop = max(g[0].start for g in groups), min(g[-1].stop for g in groups)
    return [_join([_clipped(group, start, stop) for group in groups], first_rows)]


def clipped(messages: Sequence[Message], start: int, stop: int) -> list[Message]:
    """Return what messages without a gap between them have of [start, stop)."""
    if not messages or (messages[0].start >= start and messages[-1].stop <= stop):
        return list(messages)
    return [_clipped(messages, max(start, messages[0].start), min(stop, messages[-1].stop))]


def _join(parts: Sequence[Message], first_rows: Sequence[int]) -> Message:
    first = parts[0]
    if isinstance(first, Segment):
        samples = np.concatenate([part.samples for part in parts if isinstance(part, Segment)])
        return replace(first, samples=samples)
    spikes = [part for part in parts if isinstance(part, Spikes | Cutouts)]
    moved = [
        replace(part, channel=part.channel + np.int32(row))
        for part, row in zip(spikes, first_rows, strict=True)
    ]
    whole = _concatenated(moved)
    return _selected(whole, np.lexsort((whole.channel, whole.sample)))


def _clipped(messages: Sequence[Message], start: int, stop: int) -> Message:
    if isinstance(messages[0], Segment):
        return cut(joined([m for m in messages if isinstance(m, Segment)]), start, stop)
    whole = _concatenated([m for m in messages if isinstance(m, Spikes | Cutouts)])
    inside = np.flatnonzero((whole.sample >= start) & (whole.sample < stop))
    return replace(_selected(whole, inside), start=start, stop=stop)


def _concatenated(parts: Sequence[Spikes | Cutouts]) -> Spikes | Cutouts:
    names = _ARRAYS[type(parts[0])]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in names
    }
    return replace(parts[0], **arrays)


def _selected(message: Spikes | Cutouts, indices: NDArray[np.int64]) -> Spikes | Cutouts:
    arrays = {name: getattr(message, name)[indices] for name in _ARRAYS[type(message)]}
    return replace(message, **arrays)


_ARRAYS = {
    Spikes: ("channel", "sample", "amplitude_uv"),
    Cutouts: ("channel", "sample", "waveform_uv"),
}
"""The fields with a value for each spike."""
