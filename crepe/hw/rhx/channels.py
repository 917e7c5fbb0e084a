"""Names of amplifier channels: `A-010` is channel 10 of port A, in RHX and as a label."""

import re

_NAME = re.compile(r"([A-H])-(\d{3})")
_LARGEST = 127  # RHD has up to 128 channels a port


def is_channel(label: str) -> bool:
    """Return whether a label is the name of an amplifier channel."""
    match = _NAME.fullmatch(label)
    return match is not None and int(match[2]) <= _LARGEST


def channels_in(text: str) -> tuple[str, ...]:
    """Return the channels of a list such as `A-000..A-015,B-003`, in the order of RHX.

    RHX sends them by port and number, whatever the order of a list. Raises ValueError.
    """
    names: list[str] = []
    for part in text.upper().split(","):
        first, dots, last = part.strip().partition("..")
        last = last if dots else first
        for name in (first, last):
            if not is_channel(name):
                raise ValueError(f"channel {name!r}, must be A-000 to H-{_LARGEST}")
        if first[0] != last[0] or first > last:
            raise ValueError(f"channels {part.strip()!r}: must rise within one port")
        names += [f"{first[0]}-{n:03}" for n in range(int(first[2:]), int(last[2:]) + 1)]
    if len(set(names)) < len(names):
        raise ValueError(f"channels {text!r}: one is named twice")
    return tuple(sorted(names))


def stimulable(n_by_port: dict[str, int]) -> tuple[str, ...]:
    """Return all channels of an RHS controller that can drive a current, a voltage or a line."""
    amplifiers = [f"{port}-{i:03}" for port, n in n_by_port.items() for i in range(n)]
    analog = [f"ANALOG-OUT-{i}" for i in range(1, 9)]
    return (*amplifiers, *analog, *(f"DIGITAL-OUT-{i:02}" for i in range(1, 17)))
