"""Entries and stream descriptions as fields in Redis, readable in redis-cli."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.contract import Entry, UnclockedEntry

_DENSE = [b"start", b"t_ns", b"session", b"writer", b"data"]  # the fields of most entries
_PLAIN = Entry(0, 0)[4:-1]  # the values that these omit


def entry_fields(entry: Entry) -> tuple[str | bytes | int, ...]:
    """Return the fields in which entries of a stream differ, without the payload."""
    dense = "start", entry[0], "t_ns", entry[3]
    return dense if entry[4:-1] == _PLAIN else (*dense, *_rare_fields(entry))


def _rare_fields(entry: Entry) -> list[str | bytes | int]:
    rare: list[str | bytes | int] = []
    if entry.position >= 0:
        rare += ("position", entry.position)
    if entry.command_id:
        rare += ("heard", entry.command_id)  # the name in the format
    if entry.is_estimated:
        rare += ("gap", "estimated")
    if entry.snapshot:
        rare += ("snapshot", entry.snapshot)
    if entry.is_end:
        rare += ("end", 1)
    return rare


def entry_from(item: Any) -> Entry:
    """Return the entry of a reply's item (ID, fields). Raises StoreError for one of others."""
    identity, items = item
    try:
        if items[::2] == _DENSE:  # by position: building a dict would take longer
            return Entry(
                int(items[1]),
                int(identity[:-2]),  # without `-0`
                items[9],
                int(items[3]),
                session=items[5].decode(),
            )
        values = pairs(items)
        return Entry(
            int(values[b"start"]),
            int(identity[: identity.index(b"-")]),
            values[b"data"],
            int(values.get(b"t_ns", 0)),
            int(values.get(b"position", -1)),
            values.get(b"snapshot", b""),
            values.get(b"heard", b"").decode(),
            b"gap" in values,
            b"end" in values,
            values[b"session"].decode(),
        )
    except (KeyError, ValueError) as error:
        raise StoreError(f"entry {identity.decode()}: not written by CREPE ({error!r})") from error


def writer_of(item: Any) -> str:
    """Return the name of an entry's writer."""
    _, items = item
    return str(pairs(items).get(b"writer", b""), "utf-8")


def unclocked_from(item: Any) -> UnclockedEntry:
    """Return the entry of an item of a stream outside the clock."""
    identity, items = item
    return UnclockedEntry(identity.decode(), pairs(items).get(b"data", b""))


def pairs(items: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return names and values, which alternate in a reply, as a mapping."""
    return dict(zip(items[::2], items[1::2], strict=True))


_ITEMS = {"labels": str, "ids": str, "positions_um": list | None, "scale_uv": int | float}
"""Fields that are lists in JSON, and the type of their items."""
_READ = {"sampling_rate_hz": float, "segment_samples": int, "longest_samples": int}
_READ |= {"origin_t_ns": int}
_TRUTH = {"is_live", "is_simulated"}


def info_fields(info: StreamInfo) -> list[str]:
    """Return names and values of a description, without the claim (`session`, `writer`)."""
    items: list[str] = []
    for field in fields(info):
        value = getattr(info, field.name)
        if field.name in {"session", "writer"}:
            continue
        text = json.dumps(value) if field.name in _ITEMS else str(value)
        items += (field.name, str(int(value)) if field.name in _TRUTH else text)
    return items


def info_from(raw_fields: Mapping[bytes, bytes]) -> StreamInfo:
    """Return the description; fields of other versions are left out.

    Raises StoreError for one that CREPE has not written.
    """
    values: dict[str, Any] = {}
    names = {field.name for field in fields(StreamInfo)}
    name = ""
    try:
        for raw_name, raw in raw_fields.items():
            name = ""  # not that of the field before, should this one have none
            name = raw_name.decode()
            text = raw.decode()
            if name in _ITEMS:
                values[name] = _tuple(json.loads(text), name)
            elif name in _TRUTH:
                values[name] = text == "1"
            elif name in names:
                values[name] = _READ.get(name, str)(text)
        name = "sampling_rate_hz"
        if not 0 < values.get(name, 1.0) < math.inf:
            raise ValueError(f"{values[name]}, must be a positive number")
        return StreamInfo(**values)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(
            f"description of a stream, {name or 'its names'}: not written by CREPE ({error!r})"
        ) from error


def _tuple(items: Any, name: str) -> tuple[Any, ...]:
    """Return a list from JSON as the tuple that a description holds. Raises TypeError."""
    kind = _ITEMS[name]
    if not isinstance(items, list) or not all(isinstance(item, kind) for item in items):
        raise TypeError("must be a list of such items as CREPE writes")
    return tuple(tuple(item) if isinstance(item, list) else item for item in items)
