"""How messages lie in the /CREPE group of a recording: one table per stream, arrays beside it.

docs/recording-format.md describes the layout for those who read it without CREPE.
"""

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_origin, get_type_hints

import h5py
import numpy as np

from crepe import messages
from crepe.errors import DeviceError
from crepe.messages import Message, Segment, StreamInfo

ROOT = "CREPE"
STREAMS = "CREPE/streams"
FORMAT = 1

TEXT = h5py.string_dtype()

_COLUMN = {bool: np.dtype(bool), int: np.dtype("<i8"), float: np.dtype("<f8"), str: TEXT}


def message_type(name: str) -> type[Message]:
    """The class for a name of `crepe.messages`, or for `module:Class` of an imported module.

    A module that is not imported yet stays so: a name in a file loads no code.
    """
    module_name, _, class_name = name.rpartition(":")
    module = sys.modules.get(module_name) if module_name else messages
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Message)):
        raise DeviceError(f"message type {name!r}: not known here; import its module first")
    return found


class Layout:
    """The columns of a message type.

    A field that is a number or text is a column of its own; an array field has the column
    `<field>.stop`, the end of this message's part in the dataset `<field>`, and `<field>.shape`;
    anything else is a column of JSON.
    """

    def __init__(self, kind: type[Message]) -> None:
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        self.kind = kind
        self.matrices = ["samples"] if issubclass(kind, Segment) else []
        self.arrays = [
            name
            for name in names
            if (get_origin(hints[name]) or hints[name]) is np.ndarray and name not in self.matrices
        ]
        self.json = [
            name
            for name in names
            if name not in self.arrays + self.matrices and hints[name] not in _COLUMN
        ]
        self.plain = [n for n in names if n not in self.arrays + self.matrices + self.json]
        columns: list[tuple[str, Any]] = [(name, _COLUMN[hints[name]]) for name in self.plain]
        columns += [(name, TEXT) for name in self.json]
        columns += [(f"{name}.stop", "<i8") for name in self.matrices + self.arrays]
        columns += [(f"{name}.shape", TEXT) for name in self.arrays]
        self.columns = tuple(name for name, _ in columns)
        self.dtype = np.dtype(columns)

    def values(self, message: Message) -> tuple[Any, ...]:
        """What the row of a message says but for its arrays."""
        plain = (getattr(message, name) for name in self.plain)
        said = tuple(_storable(value) if isinstance(value, str) else value for value in plain)
        return said + tuple(to_json(getattr(message, name)) for name in self.json)

    def values_of_row(self, row: Any) -> tuple[Any, ...]:
        """The same, from a row that was read."""
        found = (row[name] for name in self.plain + self.json)
        return tuple(v.decode() if isinstance(v, bytes) else v.item() for v in found)

    def message(self, row: Any, arrays: Mapping[str, Any]) -> Message:
        """The message again, of its row and its own parts of the arrays."""
        values = dict(arrays)
        for name in self.plain:
            value = row[name]
            values[name] = value.decode() if isinstance(value, bytes) else value.item()
        for name in self.json:
            values[name] = from_json(row[name])
        return self.kind(**values)


def to_json(value: Any) -> str:
    """Numbers, text, sequences, mappings with text as keys, and arrays."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def from_json(text: str | bytes) -> Any:
    """The value; sequences become tuples."""
    return _tuples(json.loads(text, object_hook=_array))


def info_to_json(info: StreamInfo) -> str:
    return json.dumps(asdict(info))


def info_from_json(text: str | bytes) -> StreamInfo:
    """What a stream carries; fields that this version does not know are left out."""
    found = {name: _tuples(value) for name, value in json.loads(text).items()}
    return StreamInfo(**{f.name: found[f.name] for f in fields(StreamInfo) if f.name in found})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        data = base64.b64encode(value.tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": value.shape, "base64": data}
    raise TypeError(f"{type(value).__name__}: cannot be recorded")


def _array(found: dict[str, Any]) -> Any:
    if found.keys() != {"dtype", "shape", "base64"}:
        return found
    flat = np.frombuffer(base64.b64decode(found["base64"]), np.dtype(found["dtype"]))
    return flat.reshape(found["shape"])


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value


def _storable(text: str) -> str:
    """HDF5's text ends at the first NUL."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
