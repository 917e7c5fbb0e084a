"""What an LSL stream says of itself: rate, labels, units, format."""

from collections.abc import Mapping, Sequence
from typing import Any

from crepe.errors import DeviceError
from crepe.messages import StreamInfo

DTYPES: Mapping[str, str] = {
    "float32": "float32",
    "float64": "float32",  # as precise as any converter
    "int8": "int16",
    "int16": "int16",
    "int32": "int32",
    "int64": "int32",
}
"""Data type of segments, by that of the stream."""

_UNITS: Mapping[str, float] = {
    **dict.fromkeys(("microvolts", "microvolt", "uv", "µv", "μv"), 1.0),
    **dict.fromkeys(("millivolts", "millivolt", "mv"), 1e3),
    **dict.fromkeys(("nanovolts", "nanovolt", "nv"), 1e-3),
    **dict.fromkeys(("volts", "volt", "v"), 1e6),
}


def describe(info: Any, unknown_uv: float | None, segment_samples: int, place: str) -> StreamInfo:
    """Return the description of a stream.

    Parameters
    ----------
    info
        pylsl's description, with the channels.
    unknown_uv
        Microvolts per unit of channels that state no voltage; None: they are refused.
    segment_samples
        Length of a segment.
    place
        Words for the stream in errors.

    Raises
    ------
    DeviceError
        The stream has no rate or no numbers, or channels have no known unit.
    """
    rate_hz, kind = float(info.nominal_srate()), _kind(info)
    if rate_hz <= 0:
        raise DeviceError(f"{place}: has no sampling rate (markers?); must be a regular stream")
    if kind not in DTYPES:
        raise DeviceError(f"{place}: carries {kind}, must be numbers: {', '.join(DTYPES)}")
    n_channels = int(info.channel_count())
    labels = _channel_texts(info.get_channel_labels(), n_channels)
    units = _channel_texts(info.get_channel_units(), n_channels)
    scales = tuple(
        _microvolts(unit, unknown_uv, f"{place}: channel {label or number}")
        for number, (label, unit) in enumerate(zip(labels, units, strict=True))
    )
    has_labels = all(labels)
    return StreamInfo(
        sampling_rate_hz=rate_hz,
        labels=labels if has_labels else tuple(map(str, range(n_channels))),
        dtype=DTYPES[kind],
        scale_uv=scales[:1] if len(set(scales)) == 1 else scales,
        segment_samples=segment_samples,
        longest_samples=segment_samples,
        is_live=True,
        source=place,
    )


def _kind(info: Any) -> str:
    import pylsl

    names = {
        pylsl.cf_float32: "float32",
        pylsl.cf_double64: "float64",
        pylsl.cf_string: "text",
        pylsl.cf_int8: "int8",
        pylsl.cf_int16: "int16",
        pylsl.cf_int32: "int32",
        pylsl.cf_int64: "int64",
    }
    return names.get(info.channel_format(), "an unknown format")


def _channel_texts(texts: Sequence[str | None] | None, n_channels: int) -> tuple[str, ...]:
    """Return a text for each channel, "" where the description has none or does not fit."""
    if texts is None or len(texts) != n_channels:
        return ("",) * n_channels
    return tuple((text or "").strip() for text in texts)


def _microvolts(unit: str, unknown_uv: float | None, place: str) -> float:
    known_uv = _UNITS.get(unit.lower())
    if known_uv is not None:
        return known_uv
    if unit.lstrip("-").isdigit() and unit != "0":  # a power of ten of volts, as MNE writes it
        return float(10.0 ** (int(unit) + 6))
    if unknown_uv is not None:
        return unknown_uv
    raise DeviceError(
        f"{place}: unit {unit!r}, must be a voltage such as microvolts; or state `scale_uv`"
    )
