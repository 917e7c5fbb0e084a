"""Streams of a session found by the message they carry, whatever their names.

Works on a running session, a recording and the memory of a loop alike.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from crepe.errors import ConfigError
from crepe.messages import TRUTH, Message, StreamInfo

if TYPE_CHECKING:  # a list of sessions needs no store, which is slow to import
    from crepe.store import Store, Stream

M = TypeVar("M", bound=Message)


def names_of(kind: type[Message], infos: Mapping[str, StreamInfo]) -> list[str]:
    """Return the streams that carry a message type of `crepe.messages`, in order of their names.

    The true spikes of a simulated culture are left out: no result may be made of them.
    """
    return sorted(n for n, info in infos.items() if info.message == kind.__name__ and n != TRUTH)


def streams_of(kind: type[Message], store: "Store") -> "list[Stream]":
    """Return the streams of a store that carry a message type, in order of their names."""
    infos = {name: store[name].info for name in store}
    return [store[name] for name in names_of(kind, infos)]


def stream_of(kind: type[Message], store: "Store", name: str = "") -> "Stream":
    """Return the stream of that name, or without one the first that carries these messages.

    Raises KeyError if there is no stream of that name, and ConfigError if it carries other
    messages, or if none carries them.
    """
    if name:
        stream = store[name]
        if stream.info.message != kind.__name__:
            raise ConfigError(
                f"stream {name!r} carries {stream.info.message}, must be {kind.__name__}"
            )
        return stream
    streams = streams_of(kind, store)
    if not streams:
        names = ", ".join(store) or "none"
        raise ConfigError(f"no stream of {kind.__name__} was recorded; streams: {names}")
    return streams[0]


def messages_of(kind: type[M], store: "Store") -> Iterator[M]:
    """Yield all messages of a type, stream by stream, in the order in which they were recorded."""
    for stream in streams_of(kind, store):
        for message in stream.messages():
            if isinstance(message, kind):
                yield message


def stretches(stream: "Stream") -> list[tuple[int, int]]:
    """Return the windows [start, stop) between the gaps of a stream."""
    edges = [stream.first, *(edge for gap in stream.gaps() for edge in gap), len(stream)]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in pairs if stop > start]
