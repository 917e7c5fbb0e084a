"""Streams whose channels are kept in groups: the names of the groups, and the rows of each.

Group 2 of 4 of the stream `data` is the stream `data/2of4`. Readers see `data` only.
"""

# Decision 118: why groups are streams of their own.

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise

from crepe.errors import ConfigError
from crepe.messages import StreamInfo

_GROUP = re.compile(r"(?P<stream>[^/]+)/(?P<number>\d+)of(?P<count>\d+)")


def group_name(stream: str, number: int, n_groups: int) -> str:
    """Return the name of a group, which are counted from 0."""
    return f"{stream}/{number}of{n_groups}"


def group_names(stream: str, n_groups: int) -> tuple[str, ...]:
    """Return the names of all groups of a stream, in the order of the channels."""
    return tuple(group_name(stream, number, n_groups) for number in range(n_groups))


def whole_name(stream: str) -> str:
    """Return the name of the stream that a group is of; that of any other stream as it is."""
    return stream.partition("/")[0]


def group_number(stream: str) -> int | None:
    """Return the number of a group, from 0; None for any other stream."""
    match = _GROUP.fullmatch(stream)
    return int(match["number"]) if match else None


def is_group(stream: str) -> bool:
    """Return whether a stream is a group of another one."""
    return "/" in stream


def groups_among(stream: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the groups of a stream, if `names` has all of them; else none."""
    matches = (match for name in names if (match := _GROUP.fullmatch(name)))
    counts = {int(match["count"]) for match in matches if match["stream"] == stream}
    whole = (group_names(stream, count) for count in sorted(counts, reverse=True))
    return next((groups for groups in whole if groups and set(groups) <= set(names)), ())


def rows_of(n_channels: int, n_groups: int) -> list[slice]:
    """Return the rows of each group: equal parts, as far as the number of channels allows."""
    bounds = [n_channels * number // n_groups for number in range(n_groups + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def group_infos(info: StreamInfo, n_groups: int, stream: str) -> list[StreamInfo]:
    """Return the description of each group. Raises ConfigError for more groups than channels."""
    if n_groups > info.n_channels:
        raise ConfigError(
            f"{stream}: {info.n_channels} channels, so its readers can have at most "
            f"{info.n_channels} shards, not {n_groups}"
        )
    return [
        replace(
            info,
            labels=info.labels[rows],
            ids=info.ids[rows],
            positions_um=info.positions_um[rows],
            scale_uv=info.scale_uv[rows] if len(info.scale_uv) > 1 else info.scale_uv,
        )
        for rows in rows_of(info.n_channels, n_groups)
    ]


def whole_info(infos: Iterable[StreamInfo]) -> StreamInfo:
    """Return the description of the stream whose groups are described by `infos`, in order."""
    groups = list(infos)
    scales = [
        info.scale_uv if len(info.scale_uv) > 1 else info.scale_uv * info.n_channels
        for info in groups
    ]
    scale_uv = tuple(value for scale in scales for value in scale)
    return replace(
        groups[0],
        labels=tuple(label for info in groups for label in info.labels),
        ids=tuple(each for info in groups for each in info.ids),
        positions_um=tuple(place for info in groups for place in info.positions_um),
        scale_uv=scale_uv[:1] if len(set(scale_uv)) == 1 else scale_uv,
        longest_samples=max(info.longest_samples for info in groups),
    )
