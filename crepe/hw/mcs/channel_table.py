"""InfoChannel: what an MCS file says about each channel of an analog stream."""

from collections import Counter
from decimal import Decimal
from typing import Any

from numpy.typing import NDArray

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE, find_layout
from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import text_of
from crepe.messages import Position

_EXPONENT_TO_UV = {"V": 6, "mV": 3, "uV": 0, "\N{MICRO SIGN}V": 0, "\N{GREEK SMALL LETTER MU}V": 0}
_ELECTRODE = "Electrode"


def labels_of(channels: NDArray[Any]) -> tuple[str, ...]:
    """Return a label for each channel, no two alike.

    Where a label repeats, as on a plate with several wells, the channel's group stands before it:
    `G0 12`. `Ref` among the other 59 labels of a 60MEA is its electrode 15.
    """
    labels = [text_of(label) for label in channels["Label"]]
    reference = [i for i, label in enumerate(labels) if label.lower() == "ref"]
    if len(reference) == 1 and set(MCS_60_LABELS) - set(labels) == {MCS_REFERENCE}:
        labels[reference[0]] = MCS_REFERENCE
    if "GroupID" in _names(channels) and _repeat(labels):
        labels = [f"G{g} {x}" for g, x in zip(channels["GroupID"].tolist(), labels, strict=True)]
    repeated = _repeat(labels)
    return tuple(f"{x} #{i}" if x in repeated else x for i, x in enumerate(labels))


def ids_of(channels: NDArray[Any]) -> tuple[str, ...]:
    """Return the file's ID of each channel; none if it has none, or if they repeat."""
    ids = tuple(map(str, channels["ChannelID"].tolist())) if "ChannelID" in _names(channels) else ()
    return () if _repeat(ids) else ids


def _names(channels: NDArray[Any]) -> tuple[str, ...]:
    return channels.dtype.names or ()


def _repeat(values: Any) -> set[str]:
    return {value for value, n in Counter(values).items() if n > 1}


def geometry_of(
    labels: tuple[str, ...], array_name: str
) -> tuple[tuple[Position | None, ...], str]:
    """Return where the electrodes of the array that a file names are (None: not known), and it."""
    layout = find_layout(array_name)
    if layout is None:
        return (None,) * len(labels), ""
    return tuple(layout.position_um(label) for label in labels), layout.name


def scales_uv(channels: NDArray[Any], kind: str, place: str) -> tuple[float, ...]:
    """Return microvolts per count of each channel; 1 for those without a voltage (digital ones).

    `kind` is the stream's DataSubType. Raises DeviceError for electrodes without a voltage.
    """
    scales = []
    units = channels["Unit"] if "Unit" in _names(channels) else ["V"] * len(channels)
    for channel, raw_unit in zip(channels, units, strict=True):
        unit = text_of(raw_unit)
        exponent = _EXPONENT_TO_UV.get(unit)
        if exponent is None and kind == _ELECTRODE:
            raise DeviceError(
                f"{place}: channel {text_of(channel['Label'])}: unit {unit!r}, must be V, mV or uV"
            )
        # `record` stores the scale exactly as factor and exponent; powers of ten in floats would
        # round.
        factor = Decimal(int(channel["ConversionFactor"]))
        scale = float(factor.scaleb(int(channel["Exponent"]) + (exponent or 0)))
        scales.append((scale or 1.0) if exponent is not None else 1.0)
    return tuple(scales)
