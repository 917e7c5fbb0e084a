"""Messages to bytes and back: msgpack with numpy arrays, safe to decode from any sender.

msgpack-numpy alone would unpickle object arrays, which runs code of the sender. This module accepts
an array only if its dtype is a plain number and its length agrees with its shape.
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
from crepe.field_types import check_types
from crepe.messages import Message, Segment, Unreadable
from crepe.store.contract import Payload

# By numpy's name of a dtype, such as `<f8`: the size of an item. No other dtype is accepted.
_ITEM_BYTES = {
    f"{order}{kind}{size}": size
    for kind, sizes in {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "b": (1,)}.items()
    for size in sizes
    for order in "<>|"
}
_IN_ENTRY = {"t_ns", "is_estimated"}  # fields of a segment that are fields of the entry


def pack_value(value: Any) -> bytes:
    """Return numbers, strings, sequences, mappings and numpy arrays of numbers as bytes."""
    packed: bytes = _packers.packer.pack(value)
    return packed


def unpack_value(data: Payload) -> Any:
    """Return the value, with tuples for sequences. Raises StoreError for unsafe or broken bytes."""
    try:
        return msgpack.unpackb(
            data, object_hook=_decode, use_list=False, strict_map_key=False, raw=False
        )
    except (ValueError, TypeError, KeyError, msgpack.UnpackException, RecursionError) as error:
        raise StoreError(f"{len(data)} bytes from the store: {error}") from error


def _encode(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    encoded = msgpack_numpy.encode(value)
    kind = encoded.get(b"type") if isinstance(encoded, dict) else None
    if kind is not None and not (isinstance(kind, str) and kind in _ITEM_BYTES):
        raise TypeError(f"dtype {kind!r}: only plain numbers can be sent")
    return encoded


class _Packers(local):
    """One packer per thread: a new one for each segment would cost more than the packing."""

    def __init__(self) -> None:
        self.packer = msgpack.Packer(default=_encode)


_packers = _Packers()


def _decode(encoded: dict[Any, Any]) -> Any:
    if b"nd" not in encoded:
        if b"complex" in encoded:
            raise ValueError("a complex number; only plain numbers are accepted")
        return encoded
    kind, data = encoded.get(b"type"), encoded.get(b"data")
    size = _ITEM_BYTES.get(kind) if isinstance(kind, str) else None
    # By `kind` msgpack-numpy marks arrays of objects, which it would unpickle.
    if size is None or encoded.get(b"kind") not in (None, b""):
        raise ValueError(f"an array of dtype {kind!r}; only plain numbers are accepted")
    shape = encoded.get(b"shape", ()) if encoded[b"nd"] is True else ()
    is_whole = isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)
    if not isinstance(data, bytes) or not is_whole or prod(shape) * size != len(data):
        raise ValueError(f"an array of shape {shape!r} and dtype {kind} in the wrong length")
    return msgpack_numpy.decode(encoded)


@cache
def message_type(name: str) -> type[Message]:
    """Return the class for `StreamInfo.message`. Raises StoreError if it is not imported."""
    return messages.message_type(name, StoreError)


def type_name(kind: type) -> str:
    """Return the name from which `message_type` gives the class again."""
    is_ours = kind.__module__ == messages.__name__
    return kind.__name__ if is_ours else f"{kind.__module__}:{kind.__qualname__}"


@cache
def _field_names(kind: type[Message]) -> tuple[str, ...]:
    leave_out = {"start", "stop"} | (_IN_ENTRY if issubclass(kind, Segment) else set())
    return tuple(field.name for field in fields(kind) if field.name not in leave_out)


def pack(batch: Sequence[Message], start: int, stop: int) -> bytes:
    """Return the messages of the window [start, stop) as one binary field."""
    if len(batch) == 1 and type(batch[0]) is Segment:  # a subclass may have more fields
        segment = batch[0]
        if segment.start == start and segment.stop == stop:
            samples = segment.samples
            whole = np.ascontiguousarray(samples)
            return b"".join((_head(samples.dtype, samples.shape), whole.data))  # copied once
    return _pack(batch, start, stop)


def pack_rows(parts: Sequence[NDArray[Any]]) -> bytes:
    """Return `pack` of a segment that fills its entry: the parts' rows, one below the other."""
    shape = sum(map(len, parts)), parts[0].shape[1]
    rows = (np.ascontiguousarray(part).data for part in parts)
    return b"".join((_head(parts[0].dtype, shape), *rows))  # copied once


def _pack(batch: Sequence[Message], start: int, stop: int) -> bytes:
    packed = []
    for message in batch:
        kind: Any = type(message)
        values = {name: getattr(message, name) for name in _field_names(kind)}
        if message.start != start or message.stop != stop:
            values["window"] = (message.start, message.stop)
        packed.append(values)
    return pack_value(packed)


# The segments of a stream differ in their samples only: the bytes before these are always the
# same. This head, built and checked once, saves most of the work for each segment.


@cache
def _head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the bytes before the samples of a segment that fills its entry."""
    samples = np.zeros(shape, dtype)
    whole = _pack([Segment(0, 1, samples)], 0, 1)
    head = whole[: len(whole) - samples.nbytes]
    _heads.setdefault(len(whole), []).append((head, dtype, shape))
    return head


# A program that filters has two of one length: counts are int32, microvolts float32.
_heads: dict[int, list[tuple[bytes, np.dtype[Any], tuple[int, ...]]]] = {}  # by length of the whole


def _single_segment(payload: Payload) -> NDArray[Any] | None:
    """Return the samples, if this is a single segment of a shape that occurred before."""
    for head, dtype, shape in _heads.get(len(payload), ()):
        if payload[: len(head)] == head:
            # Aligned: a slice of bytes is a copy, and a view ends at an aligned address.
            return np.ndarray(shape, dtype, payload[len(head) :])
    return None


def unpack(
    kind: type[Message], payload: Payload, start: int, stop: int, **of_segment: Any
) -> list[Message]:
    """Return the messages of an entry of the window [start, stop).

    `of_segment` are the fields of a segment that the entry holds. Raises StoreError for bytes that
    are no messages of type `kind`.
    """
    batch, unreadable = read(kind, payload, start, stop, **of_segment)
    if unreadable:
        raise StoreError(unreadable[0].reason)
    return batch


def read(
    kind: type[Message], payload: Payload, start: int, stop: int, **of_segment: Any
) -> tuple[list[Message], list[Unreadable]]:
    """Return the messages that `unpack` returns, and those that cannot be read. Never raises."""
    if not payload:
        return [], []
    if kind is Segment and (samples := _single_segment(payload)) is not None:
        return [Segment(start, stop, samples, **of_segment)], []
    place = f"an entry of {kind.__name__} at sample {stop}"
    try:
        items = unpack_value(payload)
    except StoreError as error:
        return [], [Unreadable(f"{place}: {error}")]
    if not isinstance(items, tuple):
        return [], [Unreadable(f"{place}: {type(items).__name__}, must be a list of messages")]
    batch: list[Message] = []
    unreadable: list[Unreadable] = []
    extra = of_segment if issubclass(kind, Segment) else {}
    for values in items:
        fields_of = dict(values) if isinstance(values, dict) else {}
        try:
            batch.append(_message(kind, values, (start, stop), extra))
        # What a constructor raises for fields that are not its own, or not what they must be.
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
            unreadable.append(Unreadable(f"{place}: {error}", fields_of))
    if kind is Segment and len(batch) == 1:
        samples = batch[0].samples  # type: ignore[attr-defined]  # a Segment
        _head(samples.dtype, samples.shape)  # for the next segment
    return batch, unreadable


def _message(
    kind: type[Message], values: Any, window: tuple[int, int], extra: Mapping[str, Any]
) -> Message:
    """Return a message whose fields have their types. Raises TypeError, or what its class does."""
    if not isinstance(values, dict):
        raise TypeError(f"{type(values).__name__}, must be the fields of a message")
    create: Any = kind
    message: Message = create(*values.pop("window", window), **values, **extra)
    check_types(message)
    return message
