"""Entries and stream descriptions as fields in Redis; readable in redis-cli."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.contract import Entry, UnclockedEntry

_DENSE = [b"start", b"t_ns", b"session", b"writer", b"data"]  # the fields of most entries
_PLAIN = Entry(0, 0)[4:-1]  # what these leave out


def entry_words(entry: Entry) -> tuple[str | bytes | int, ...]:
    """The fields in which entries of a stream differ, all but the payload."""
    words = "start", entry[0], "t_ns", entry[3]
    return words if entry[4:-1] == _PLAIN else (*words, *_more_words(entry))


def _more_words(entry: Entry) -> list[str | bytes | int]:
    words: list[str | bytes | int] = []
    if entry.position >= 0:
        words += ("position", entry.position)
    if entry.heard:
        words += ("heard", entry.heard)
    if entry.is_estimated:
        words += ("gap", "estimated")
    if entry.snapshot:
        words += ("snapshot", entry.snapshot)
    if entry.is_end:
        words += ("end", 1)
    return words


def entry_from(item: Any) -> Entry:
    identity, words = item
    try:
        if words[::2] == _DENSE:
            return Entry(
                int(words[1]),
                int(identity[:-2]),
                words[9],
                int(words[3]),
                session=words[5].decode(),
            )
        found = dict(zip(words[::2], words[1::2], strict=True))
        return Entry(
            int(found[b"start"]),
            int(identity[: identity.index(b"-")]),
            found[b"data"],
            int(found.get(b"t_ns", 0)),
            int(found.get(b"position", -1)),
            found.get(b"snapshot", b""),
            found.get(b"heard", b"").decode(),
            b"gap" in found,
            b"end" in found,
            found.get(b"session", b"").decode(),
        )
    except (KeyError, ValueError) as error:
        raise StoreError(f"entry {identity.decode()}: not written by CREPE ({error!r})") from error


def writer_of(item: Any) -> str:
    """Who wrote an entry."""
    _, words = item
    found = dict(zip(words[::2], words[1::2], strict=True))
    return str(found.get(b"writer", b""), "utf-8")


def said_from(item: Any) -> UnclockedEntry:
    identity, words = item
    found = dict(zip(words[::2], words[1::2], strict=True))
    return UnclockedEntry(identity.decode(), found.get(b"data", b""))


_AS_JSON = {"labels", "scale_uv"}
_READ = {"sampling_rate_hz": float, "segment_samples": int, "longest_samples": int}
_READ |= {"origin_t_ns": int}
_TRUTH = {"is_live", "is_simulated"}


def info_words(info: StreamInfo) -> list[str]:
    words: list[str] = []
    for field in fields(info):
        value = getattr(info, field.name)
        if field.name in {"session", "writer"}:
            continue
        text = json.dumps(value) if field.name in _AS_JSON else str(value)
        words += (field.name, str(int(value)) if field.name in _TRUTH else text)
    return words


def info_from(words: Mapping[bytes, bytes]) -> StreamInfo:
    values: dict[str, Any] = {}
    known = {field.name for field in fields(StreamInfo)}
    for raw_name, raw in words.items():
        name, text = raw_name.decode(), raw.decode()
        if name in _AS_JSON:
            values[name] = tuple(json.loads(text))
        elif name in _TRUTH:
            values[name] = text == "1"
        elif name in known:
            values[name] = _READ.get(name, str)(text)
    return StreamInfo(**values)
