"""One line about a stream, and a few about a store, for a `repr`: cheap, and never raising."""

from dataclasses import fields
from itertools import pairwise

from crepe.errors import CrepeError
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.recording.coverage import Coverage
from crepe.store.contract import Readable

_UNREADABLE = (
    CrepeError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    AttributeError,
)
"""Errors of a server that is away, and of a file that is closed or damaged."""


def describe_stream(store: Readable, name: str) -> str:
    """Return what a stream holds: type, channels, rate, length, what is kept, and its gaps.

    Gaps are left out where only a reader of all entries finds them, as in Redis.
    """
    try:
        return _stream_line(store, name)
    except _UNREADABLE as error:
        return _problem(error)


def describe_store(store: Readable) -> str:
    """Return what a store holds: its place, the session, and a line for each stream."""
    try:
        names = store.streams()
        infos = {name: info for name in names if (info := store.info(name)) is not None}
        sessions = ", ".join(sorted({i.session for i in infos.values() if i.session}))
        is_simulated = any(info.is_simulated for info in infos.values())
        head = ", ".join(
            [
                store.place,
                *([f"session {sessions}"] if sessions else []),
                *(["SIMULATED culture"] if is_simulated else []),
                *([] if names else ["no streams"]),
            ]
        )
        width = max(map(len, infos), default=0)
        lines = [f"  {name:{width}}  {_stream_line(store, name)}" for name in infos]
    except _UNREADABLE as error:
        return f"{getattr(store, 'place', '')}: {_problem(error)}"
    return "\n".join([head, *lines])


def _stream_line(store: Readable, name: str) -> str:
    info, last = store.info(name), store.last(name)
    if info is None:
        return "deleted"
    first = store.first(name)
    length, start = last.stop if last else 0, first.start if first else 0
    if not info.kind.is_clocked:
        end = f"last one at {_seconds(length, info)}" if length else "empty"
        return f"{_contents(info)}, {end}"
    parts = [_contents(info), f"{info.sampling_rate_hz:g} Hz"]
    parts.append(f"{_seconds(length, info)} ({length} samples)")
    if start:
        parts.append(f"kept from {_seconds(start, info)} on")
    covered = store.covered(name)
    if covered is not None:
        parts.append(_gaps(covered, info))
    # A file is read as it was when opened, so all of its streams have an end.
    if last is not None and last.is_end and hasattr(store, "append"):
        parts.append("ended")
    return ", ".join(parts)


def _contents(info: StreamInfo) -> str:
    if issubclass(info.kind, Segment):
        return f"{info.n_channels} channels of {info.dtype}"
    has_channels = any(field.name == "channel" for field in fields(info.kind))
    kind = info.message.rpartition(":")[2]
    return f"{kind} of {info.n_channels} channels" if has_channels else kind


def _seconds(n_samples: int, info: StreamInfo) -> str:
    return f"{n_samples / info.sampling_rate_hz:.2f} s"


def _gaps(covered: list[tuple[int, int]], info: StreamInfo) -> str:
    if len(covered) < 2:
        return "no gaps"
    gaps = [(before, after) for (_, before), (after, _) in pairwise(covered)]
    coverage = Coverage(covered[-1][1], gaps, info.sampling_rate_hz)
    if issubclass(info.kind, Segment | Spikes):
        return coverage.gaps_text
    # An actor may answer less often than its input comes; its empty windows are not recorded.
    return f"no message in {len(gaps)} windows ({coverage.missing_s:.2f} s in all)"


def _problem(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"cannot be read now: {text or type(error).__name__}"
