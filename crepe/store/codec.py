"""Messages to bytes and back: msgpack with numpy arrays, safe to decode from anybody.

msgpack-numpy alone would unpickle object arrays, which runs code from the wire; here an array is
accepted only if its dtype is a plain number and its length is what its shape says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from math import prod
from threading import local
from typing import Any

import msgpack
import msgpack_numpy
import numpy as np
from numpy.typing import NDArray

from crepe import messages
from crepe.errors import StoreError
from crepe.messages import Message, Segment

_ITEM_BYTES = {
    f"{order}{kind}{size}": size
    for kind, sizes in {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "b": (1,)}.items()
    for size in sizes
    for order in "<>|"
}
_IN_ENTRY = {"t_ns", "is_estimated"}  # fields of a segment that stand in the entry itself


def pack_value(value: Any) -> bytes:
    """Numbers, strings, sequences, mappings and numpy arrays of numbers as bytes."""
    packed: bytes = _packers.here.pack(value)
    return packed


def unpack_value(data: bytes) -> Any:
    """The value; sequences become tuples. Raises StoreError for what is unsafe or broken."""
    try:
        return msgpack.unpackb(
            data, object_hook=_decode, use_list=False, strict_map_key=False, raw=False
        )
    except (ValueError, TypeError, KeyError, msgpack.UnpackException, RecursionError) as error:
        raise StoreError(f"{len(data)} bytes from the wire: {error}") from error


def _encode(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    encoded = msgpack_numpy.encode(value)
    kind = encoded.get(b"type") if isinstance(encoded, dict) else None
    if kind is not None and not (isinstance(kind, str) and kind in _ITEM_BYTES):
        raise TypeError(f"dtype {kind!r}: only plain numbers can be sent")
    return encoded


class _Packers(local):
    """One packer a thread: making one anew each time costs more than packing a segment."""

    def __init__(self) -> None:
        self.here = msgpack.Packer(default=_encode)


_packers = _Packers()


def _decode(found: dict[Any, Any]) -> Any:
    if b"nd" not in found:
        if b"complex" in found:
            raise ValueError("a complex number; only plain numbers are accepted")
        return found
    kind, data = found.get(b"type"), found.get(b"data")
    size = _ITEM_BYTES.get(kind) if isinstance(kind, str) else None
    if size is None or found.get(b"kind") not in (None, b""):
        raise ValueError(f"an array of dtype {kind!r}; only plain numbers are accepted")
    shape = found.get(b"shape", ()) if found[b"nd"] is True else ()
    is_whole = isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)
    if not isinstance(data, bytes) or not is_whole or prod(shape) * size != len(data):
        raise ValueError(f"an array of shape {shape!r} and dtype {kind} in the wrong length")
    return msgpack_numpy.decode(found)


@cache
def message_type(name: str) -> type[Message]:
    """Return the class for `StreamInfo.message`. Raises StoreError if it is not imported."""
    return messages.message_type(name, StoreError)


def type_name(kind: type) -> str:
    """The name that `message_type` turns back into the class."""
    is_ours = kind.__module__ == messages.__name__
    return kind.__name__ if is_ours else f"{kind.__module__}:{kind.__qualname__}"


@cache
def _field_names(kind: type[Message]) -> tuple[str, ...]:
    leave_out = {"start", "stop"} | (_IN_ENTRY if issubclass(kind, Segment) else set())
    return tuple(field.name for field in fields(kind) if field.name not in leave_out)


def pack(found: Sequence[Message], start: int, stop: int) -> bytes:
    """The messages of the window [start, stop) as one binary field."""
    if len(found) == 1 and type(found[0]) is Segment:
        segment = found[0]
        if segment.start == start and segment.stop == stop:
            samples = segment.samples
            whole = np.ascontiguousarray(samples)
            return b"".join((_head(samples.dtype, samples.shape), whole.data))  # copied once
    return _pack(found, start, stop)


def _pack(found: Sequence[Message], start: int, stop: int) -> bytes:
    packed = []
    for message in found:
        kind: Any = type(message)
        values = {name: getattr(message, name) for name in _field_names(kind)}
        if message.start != start or message.stop != stop:
            values["window"] = (message.start, message.stop)
        packed.append(values)
    return pack_value(packed)


# The segments of a stream differ in their samples only: all that msgpack puts before these is the
# same bytes each time. Made and checked once, this head spares most of the work of each segment.


@cache
def _head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What stands before the samples of a segment that fills its entry."""
    samples = np.zeros(shape, dtype)
    whole = _pack([Segment(0, 1, samples)], 0, 1)
    _heads[len(whole)] = (whole[: len(whole) - samples.nbytes], dtype, shape)
    return _heads[len(whole)][0]


_heads: dict[int, tuple[bytes, np.dtype[Any], tuple[int, ...]]] = {}  # by length of the whole


def _lone_segment(payload: bytes) -> NDArray[Any] | None:
    """The samples, if this is a lone segment of a shape that was met before."""
    head, dtype, shape = _heads.get(len(payload), (b"", None, ()))
    if not head or not payload.startswith(head):
        return None
    return np.ndarray(shape, dtype, payload[len(head) :])  # a slice is aligned


def unpack(
    kind: type[Message], payload: bytes, start: int, stop: int, **of_segment: Any
) -> list[Message]:
    """The messages of an entry of the window [start, stop). Raises StoreError."""
    if not payload:
        return []
    if kind is Segment and (samples := _lone_segment(payload)) is not None:
        return [Segment(start, stop, samples, **of_segment)]
    extra = of_segment if issubclass(kind, Segment) else {}
    make: Any = kind
    try:
        made = [
            make(*found.pop("window", (start, stop)), **found, **extra)
            for found in unpack_value(payload)
        ]
    except (TypeError, AttributeError) as error:
        raise StoreError(f"an entry of {kind.__name__} at sample {stop}: {error}") from error
    if kind is Segment and len(made) == 1 and isinstance(made[0].samples, np.ndarray):
        _head(made[0].samples.dtype, made[0].samples.shape)  # so that the next is known
    return made
