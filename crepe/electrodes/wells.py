"""Wells of a plate, and headstages of a controller: channels of one device, several cultures."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError
from crepe.messages import StreamInfo

_LABEL = re.compile(r"(?P<group>G\d+) (?P<own>.+)|(?P<port>[A-Z])-(?P<number>\d{3})")
"""Labels that name a well: the group of a file of MCS (`G0 12`), the port of Intan (`A-000`)."""


def wells_of(labels: Sequence[str]) -> dict[str, list[int]]:
    """Return the channels of each well, by its name; empty unless the labels name several."""
    wells: dict[str, list[int]] = {}
    for channel, label in enumerate(labels):
        match = _LABEL.fullmatch(label)
        if match is None:
            return {}
        wells.setdefault(match["group"] or match["port"], []).append(channel)
    return wells if len(wells) > 1 else {}


def wells_text(labels: Sequence[str]) -> str:
    """Return the wells with their numbers of channels, for people; empty without several."""
    return ", ".join(f"{well} ({len(channels)})" for well, channels in wells_of(labels).items())


def channels_of_well(info: StreamInfo, well: str) -> NDArray[np.intp]:
    """Return the channels of a well: (n_channels,), in order; all of them for an empty name.

    Raises DeviceError for a well that the device does not have.
    """
    if not well:
        return np.arange(info.n_channels)
    wells = wells_of(info.labels)
    if well not in wells:
        names = wells_text(info.labels) or "none: its labels name no wells"
        raise DeviceError(f"{info.source}: well {well!r}, there are {names}")
    return np.array(wells[well])


def in_well(info: StreamInfo, channels: NDArray[np.intp]) -> StreamInfo:
    """Return the description of some channels; in one well a label needs no group before it."""
    if len(channels) == info.n_channels:
        return info
    labels = [info.labels[channel] for channel in channels]
    matches = [_LABEL.fullmatch(label) for label in labels]
    own = [match and match["own"] for match in matches]
    has_scales = len(info.scale_uv) == info.n_channels  # else one holds for all channels
    return replace(
        info,
        labels=tuple(short or label for short, label in zip(own, labels, strict=True)),
        ids=tuple(info.ids[i] for i in channels if info.ids),
        positions_um=tuple(info.positions_um[i] for i in channels if info.positions_um),
        scale_uv=tuple(info.scale_uv[i] for i in channels) if has_scales else info.scale_uv,
    )
