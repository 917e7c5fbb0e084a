"""Layout of messages in the /CREPE group of a recording: one table per stream, arrays beside it.

docs/reference/recording-format.md describes the layout for readers without CREPE.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_origin, get_type_hints

import h5py
import numpy as np
from numpy.typing import NDArray

from crepe.messages import Message, Segment, StreamInfo

ROOT = "CREPE"
STREAMS = "CREPE/streams"
FORMAT = 1

TEXT = h5py.string_dtype()

_COLUMN = {bool: np.dtype(bool), int: np.dtype("<i8"), float: np.dtype("<f8")}


class Layout:
    """Places of a message type's fields in HDF5.

    Numbers and truth values are columns of a table. For an array the table has the column
    `<field>.stop`, the end of the message's part in the dataset of that field. All other fields are
    one JSON object, whose bytes end at `json_stop` in the dataset `json`; it has the shapes of
    arrays under `<field>.shape` where they are not flat. (HDF5's own text of variable length is not
    used for messages: a table with it cannot be continued after a crash.)
    """

    def __init__(self, kind: type[Message]) -> None:
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        self.kind = kind
        self.numbers = [name for name in names if hints[name] in _COLUMN]
        self.matrices = ["samples"] if issubclass(kind, Segment) else []
        self.arrays = [
            name
            for name in names
            if (get_origin(hints[name]) or hints[name]) is np.ndarray and name not in self.matrices
        ]
        self.others = [
            name for name in names if name not in self.numbers + self.matrices + self.arrays
        ]
        columns = [(name, _COLUMN[hints[name]]) for name in self.numbers]
        stops = ["json_stop", *(f"{name}.stop" for name in self.matrices + self.arrays)]
        self.dtype = np.dtype([*columns, *((stop, np.dtype("<i8")) for stop in stops)])
        self.columns = tuple(name for name, _ in columns) + tuple(stops)

    def row(self, message: Message) -> tuple[Any, ...]:
        """Return the message's numbers."""
        return tuple(getattr(message, name) for name in self.numbers)

    def json(self, message: Message) -> bytes:
        """Return the other fields as JSON; no bytes for a type without any."""
        values = {name: getattr(message, name) for name in self.others}
        for name in self.arrays:
            if np.ndim(array := getattr(message, name)) != 1:
                values[f"{name}.shape"] = array.shape
        return to_json(values).encode("utf-8", "surrogatepass") if values else b""

    def message(self, row: Any, json: bytes, arrays: Mapping[str, Any]) -> Message:
        """Return the message from its row, its JSON and its parts of the arrays."""
        others = from_json(json.decode("utf-8", "surrogatepass")) if json else {}
        values = {name: row[name].item() for name in self.numbers}
        for name, array in arrays.items():
            shape = others.pop(f"{name}.shape", None)
            values[name] = array if shape is None else array.reshape(shape)
        return self.kind(**values, **others)


def parts(dataset: h5py.Dataset, begin: int, stops: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the parts of consecutive messages in a dataset, along its last axis."""
    if not len(stops):
        return []
    whole = dataset[..., begin : int(stops[-1])]
    return np.split(whole, (stops[:-1] - begin).tolist(), axis=-1)


def to_json(value: Any) -> str:
    """Return JSON of numbers, text, sequences, mappings with text as keys, and arrays."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def from_json(text: str) -> Any:
    """Return the value, with tuples for sequences."""
    return _tuples(json.loads(text, object_hook=_array))


def info_to_json(info: StreamInfo) -> str:
    """Return the description of a stream as JSON."""
    return json.dumps(asdict(info))


def info_from_json(text: bytes) -> StreamInfo:
    """Return the description of a stream, without fields of later versions."""
    values = {name: _tuples(value) for name, value in json.loads(text).items()}
    return StreamInfo(**{f.name: values[f.name] for f in fields(StreamInfo) if f.name in values})


def differences(info: StreamInfo, other: StreamInfo) -> list[str]:
    """Return the fields in which two streams differ so that one table cannot hold both."""
    names = ("message", "sampling_rate_hz", "labels", "dtype", "scale_uv")
    return [name for name in names if getattr(info, name) != getattr(other, name)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        data = base64.b64encode(value.tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": value.shape, "base64": data}
    raise TypeError(f"{type(value).__name__}: cannot be recorded")


def _array(encoded: dict[str, Any]) -> Any:
    if encoded.keys() != {"dtype", "shape", "base64"}:
        return encoded
    flat = np.frombuffer(base64.b64decode(encoded["base64"]), np.dtype(encoded["dtype"]))
    return flat.reshape(encoded["shape"])


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value
