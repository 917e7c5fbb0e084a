"""Files as MCS software writes them, for the tests that read some."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

VARIABLE = h5py.string_dtype()
ANALOG = "Data/Recording_0/AnalogStream"


def make_mcs(
    path: Path,
    data: NDArray[Any],
    *,
    times: list[tuple[int, int, int]] | None = None,
    row_index: list[int] | None = None,
    zero: int = 0,
    factors: list[int] | None = None,
    tick_us: int = 100,
    text: Any = VARIABLE,
    info_version: int = 1,
    label: str = "Electrode Raw Data",
    kind: str = "Electrode",
    stream: str = "Stream_0",
    labels: list[str] | None = None,
    groups: list[int] | None = None,
) -> None:
    """Add an analog stream to a file as MCS software writes it."""
    n_channels, n_samples = data.shape
    numbers = [("ChannelID", "i4"), ("RowIndex", "i4"), ("Exponent", "i4"), ("ADZero", "i4")]
    if info_version == 2:
        numbers.append(("ADCBits", "i4"))
    if groups is not None:
        numbers.append(("GroupID", "i4"))
    columns = [*numbers, ("Label", text), ("Tick", "i8"), ("ConversionFactor", "i8")]
    info = np.zeros(n_channels, np.dtype(columns))
    info["RowIndex"] = row_index or range(n_channels)
    info["Label"] = labels or [f"E{i}" for i in range(n_channels)]
    if groups is not None:
        info["GroupID"] = groups
    info["Exponent"], info["ADZero"], info["Tick"] = -9, zero, tick_us
    info["ConversionFactor"] = factors or [59_605] * n_channels
    with h5py.File(path, "a") as file:
        group = file.require_group(ANALOG).create_group(stream)
        group.attrs["Label"] = np.bytes_(f"{label}   \r\n")
        group.attrs["DataSubType"] = np.bytes_(kind)
        group["ChannelData"] = data
        group["ChannelDataTimeStamps"] = np.array(times or [(0, 0, n_samples - 1)], np.int64)
        group["InfoChannel"] = info
        group["InfoChannel"].attrs["InfoVersion"] = np.int32(info_version)


def ramp(n_channels: int = 3, n_samples: int = 1000) -> NDArray[np.int32]:
    return np.arange(n_channels * n_samples, dtype=np.int32).reshape(n_channels, n_samples)
