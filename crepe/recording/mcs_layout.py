"""Creation of the MCS side of a recording, before any data.

McsPyDataTools, SpikeInterface and MCS's own tools read it. They expect text as ASCII of fixed
length, exactly three datasets in an analog stream, and gaps as rows of its timestamps. Times are
microseconds since sample 0. The group /CREPE holds what does not fit here (exact rates, every
message, text in any language).
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import h5py
import numpy as np

from crepe import __version__
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.hw.mcs.analog_stream import EPOCH_TICKS, TRUE_RATE
from crepe.messages import Stimulus, StreamInfo
from crepe.recording.samples import chunk_samples, create_matrix

RECORDING = "Data/Recording_0"
_NO_GUID = "00000000-0000-0000-0000-000000000000"
ENTITY_CHUNK = 1024
_LABEL_BYTES = 256


@dataclass(frozen=True)
class About:
    """Description of the recorded session."""

    session: str
    seed: int = 0
    experiment: str = ""  # text of the experiment file
    culture: Mapping[str, str] = field(default_factory=dict)
    is_simulated: bool = False
    origin_t_ns: int = 0  # wall clock of sample 0; 0: about now


def create(file: h5py.File, about: About) -> None:
    """Create the root of the layout, without streams."""
    origin_t_ns = about.origin_t_ns or time.time_ns()
    began = datetime.fromtimestamp(origin_t_ns / 1e9, UTC)
    culture = ", ".join(f"{name} {value}" for name, value in about.culture.items())
    kind = "SIMULATED culture, no living cells" if about.is_simulated else "culture"
    _set_attributes(file, McsHdf5ProtocolType="RawData", McsHdf5ProtocolVersion=np.int32(1))
    _set_attributes(
        file.create_group("Data"),
        ProgramName="CREPE",
        ProgramVersion=__version__,
        MeaName="SIMULATED" if about.is_simulated else about.culture.get("id", ""),
        MeaLayout="",
        MeaSN=about.culture.get("mea_serial", ""),
        Date=began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        DateInTicks=np.int64(EPOCH_TICKS + origin_t_ns // 100),
        Comment=f"{kind}: {culture}; session {about.session}",
        FileGUID=str(uuid.uuid4()),
    )
    _set_attributes(
        file.create_group(RECORDING),
        RecordingID=np.int32(0),
        RecordingType="",
        TimeStamp=np.int64(0),
        Duration=np.int64(0),
        Label="SIMULATED" if about.is_simulated else about.session,
        Comment="",
    )


def add_raw(file: h5py.File, info: StreamInfo) -> h5py.Group:
    """Add the analog stream of the samples as acquired."""
    recording = file[RECORDING]
    stream = recording.create_group("AnalogStream/Stream_0")
    _describe(stream, "Analog", "Electrode", "Electrode Raw Data", _NO_GUID)
    stream.attrs[TRUE_RATE] = info.sampling_rate_hz
    chunk = chunk_samples(info.sampling_rate_hz)
    create_matrix(stream, "ChannelData", info.n_channels, np.dtype(info.dtype), chunk)
    rows = stream.create_dataset(
        "ChannelDataTimeStamps", (0, 3), np.int64, maxshape=(None, 3), chunks=(64, 3)
    )
    for column, name in enumerate(("FirstTimeStamp", "FirstIndex", "LastIndex")):
        rows.attrs[f"Column-{column}"] = np.bytes_(name)
    _table(stream, "InfoChannel", [_channel(info, row) for row in range(info.n_channels)])
    if set(info.labels) <= set(MCS_60_LABELS):
        file["Data"].attrs["MeaLayout"] = np.bytes_("8x8")
    return stream


def add_spikes(file: h5py.File, info: StreamInfo, name: str) -> h5py.Group:
    """Add a timestamp stream with one entity for each channel."""
    stream = _add(file, "TimeStampStream", "TimeStamp", "NeuralSpike", name)
    entities = [
        {
            "TimeStampEntityID": np.int32(channel),
            "GroupID": np.int32(0),
            "Label": label,
            "Unit": "s",
            "Exponent": np.int32(-6),
            "SourceChannelIDs": str(channel),
            "SourceChannelLabels": label,
        }
        for channel, label in enumerate(info.labels)
    ]
    _table(stream, "InfoTimeStamp", entities)
    for channel in range(info.n_channels):
        stream.create_dataset(
            f"TimeStampEntity_{channel}",
            (1, 0),
            np.int64,
            maxshape=(1, None),
            chunks=(1, ENTITY_CHUNK),
        )
    return stream


def add_stimuli(file: h5py.File, name: str) -> h5py.Group:
    """Add an event stream for the delivered pulse trains; `StimulusWriter` fills it."""
    return _add(file, "EventStream", "Event", "StgSideband", name)


def event_types(info: StreamInfo) -> np.dtype[Any]:
    """Return the columns of an event stream's table, wide enough for all electrodes."""
    ids, labels = ",".join(map(str, range(info.n_channels))), ",".join(info.labels)
    return np.dtype(
        [
            ("EventID", np.int32),
            ("GroupID", np.int32),
            ("Label", f"S{_LABEL_BYTES}"),
            ("RawDataType", "S3"),
            ("RawDataBytes", np.int32),
            ("SourceChannelIDs", f"S{max(_LABEL_BYTES, len(ids))}"),
            ("SourceChannelLabels", f"S{max(_LABEL_BYTES, len(labels))}"),
        ]
    )


def event_row(event: int, train: Stimulus | None, info: StreamInfo) -> tuple[Any, ...]:
    """Return the row of a kind of pulse train: its meaning, its pulses and its electrodes.

    None: trains of which no request was recorded.
    """
    label, rows = "pulse train", [0]
    electrodes: tuple[str, ...] = (info.source or "stimulator",)
    if train is not None:
        phases = ", ".join(f"{value:g} {train.unit} {us:g} us" for value, us in train.phases)
        pulses = f"{train.n_pulses} pulses at {train.rate_hz:g} Hz, each {phases}"
        label, electrodes = f"{train.meaning or label}: {pulses}", train.electrodes
        # An electrode that is not recorded has no channel.
        rows = [info.labels.index(x) if x in info.labels else -1 for x in electrodes]
    text = (label, "Int", 4, ",".join(map(str, rows)), ",".join(electrodes))
    return (event, 0, *(_ascii(value) for value in text))


def _add(file: h5py.File, folder: str, kind: str, sub_kind: str, label: str) -> h5py.Group:
    streams = file[RECORDING].require_group(folder)
    stream = streams.create_group(f"Stream_{len(streams)}")
    raw = file.get(f"{RECORDING}/AnalogStream/Stream_0")
    source = raw.attrs["StreamGUID"].decode() if raw is not None else _NO_GUID
    _describe(stream, kind, sub_kind, label, source)
    return stream


def _describe(stream: h5py.Group, kind: str, sub_kind: str, label: str, source: str) -> None:
    _set_attributes(
        stream,
        StreamInfoVersion=np.int32(1),
        StreamType=kind,
        DataSubType=sub_kind,
        Label=label,
        SourceStreamGUID=source,
        StreamGUID=str(uuid.uuid4()),
    )


def _channel(info: StreamInfo, row: int) -> dict[str, Any]:
    scale_uv = info.scale_uv[row] if len(info.scale_uv) > 1 else info.scale_uv[0]
    factor, exponent = _conversion(scale_uv)
    return {
        "ChannelID": np.int32(row),
        "RowIndex": np.int32(row),
        "GroupID": np.int32(0),
        "Label": info.labels[row],
        "RawDataType": "Int",
        "Unit": "V",
        "Exponent": np.int32(exponent),
        "ADZero": np.int32(0),
        "Tick": np.int64(max(1, round(1e6 / info.sampling_rate_hz))),  # us; exact: TRUE_RATE
        "ConversionFactor": np.int64(factor),
        "HighPassFilterType": "",
        "HighPassFilterCutOffFrequency": "-1",
        "HighPassFilterOrder": np.int32(-1),
        "LowPassFilterType": "",
        "LowPassFilterCutOffFrequency": "-1",
        "LowPassFilterOrder": np.int32(-1),
    }


def _conversion(scale_uv: float) -> tuple[int, int]:
    """Return (ConversionFactor, Exponent): volts per count = factor * 10 ** exponent, exactly."""
    # By its text: the nearest binary fraction would need dozens of digits.
    volts = Decimal(repr(scale_uv)).scaleb(-6)
    exponent = int(volts.as_tuple().exponent)
    return int(volts.scaleb(-exponent)), exponent


def _table(group: h5py.Group, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Create a compound dataset of equal rows; text as fixed-length ASCII."""
    columns = []
    for column in rows[0] if rows else ():
        values = [_ascii(row[column]) for row in rows]
        columns.append((column, values))
    dtype = np.dtype([(column, np.array(values).dtype) for column, values in columns])
    table = np.empty(len(rows), dtype)
    for column, values in columns:
        table[column] = values
    group.create_dataset(name, data=table).attrs["InfoVersion"] = np.int32(1)


def _set_attributes(group: h5py.Group, **attributes: Any) -> None:
    for name, value in attributes.items():
        group.attrs[name] = _ascii(value)


def _ascii(value: Any) -> Any:
    """Return text as ASCII bytes of fixed length, at least one byte; numbers as they are."""
    if not isinstance(value, str):
        return value
    return np.bytes_(value.encode("ascii", "replace") or b" ")
