"""The reading half of a store on a Redis (or Valkey) server, and the connection that comes back."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from redis.exceptions import OutOfMemoryError

from crepe.errors import StoreUnavailableError
from crepe.messages import StreamInfo
from crepe.store.connection import LONGEST_BLOCK_S, ConnectionLostError, RedisConnection, Word
from crepe.store.contract import Cursor, Entry, UnclockedEntry
from crepe.store.redis_fields import entry_from, info_from, said_from

LATER = (ConnectionLostError, OutOfMemoryError)  # what may go at another try
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5


def _nothing() -> None:
    pass


class RedisReader:
    """Reads streams in Redis, through one connection; not for several threads.

    Attributes
    ----------
    patience_s
        For how long a call that cannot be carried out now is tried again, before it raises
        StoreUnavailableError.
    meanwhile
        Called between two tries; what it raises ends them.
    """

    def __init__(
        self,
        url: str,
        culture: str,
        name: str,
        patience_s: float,
        meanwhile: Callable[[], None] = _nothing,
    ) -> None:
        self.culture = culture
        self.patience_s = patience_s
        self.meanwhile = meanwhile
        self._connection = RedisConnection(url, name)

    @property
    def is_connected(self) -> bool:
        """Whether the server answered last time."""
        return self._connection.is_connected

    @property
    def url(self) -> str:
        return self._connection.url

    def _key(self, stream: str, part: str = "") -> str:
        return f"{self.culture}:{stream}:{part}" if part else f"{self.culture}:{stream}"

    # Connection

    def _connect(self, began_s: float) -> None:
        """Be connected, however many tries it takes since `began_s`."""
        while not self._connection.is_connected:
            try:
                self._connection.connect()
                self._prepare()
            except LATER as why:
                try:
                    self._bear(why, began_s)
                finally:
                    self._connection.disconnect()  # all of it is done anew

    def _prepare(self) -> None:
        """Called on each new connection."""

    def _make_room(self) -> None:
        """Called when the server is at its memory ceiling."""

    def _retry(self, *words: Word) -> Any:
        """A command that may be repeated: goes on after a lost connection.

        Raises StoreUnavailableError when that takes longer than this store is patient.
        """
        began_s = time.monotonic()
        while True:
            if not self._connection.is_connected:
                self._connect(began_s)
            try:
                return self._connection.call(*words)
            except LATER as why:
                self._bear(why, began_s)

    def _bear(self, why: Exception, began_s: float) -> None:
        """Wait for the next try after a failed one, or raise StoreUnavailableError."""
        if isinstance(why, OutOfMemoryError):
            with suppress(ConnectionLostError):
                self._make_room()
        self.meanwhile()
        waited_s = time.monotonic() - began_s
        if waited_s >= self.patience_s:
            raise StoreUnavailableError(str(why)) from why
        time.sleep(min(max(waited_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S))

    def close(self) -> None:
        self._connection.disconnect()

    # Reading

    def streams(self) -> list[str]:
        found: set[str] = set()
        cursor = b"0"
        prefix, suffix = f"{self.culture}:", ":info"
        while True:
            cursor, keys = self._retry("SCAN", cursor, "MATCH", f"{prefix}*{suffix}", "COUNT", 500)
            found.update(key.decode().removeprefix(prefix).removesuffix(suffix) for key in keys)
            if cursor == b"0":
                return sorted(found)

    def info(self, stream: str) -> StreamInfo | None:
        return self._info(stream, self._retry)

    def _info(self, stream: str, call: Callable[..., Any]) -> StreamInfo | None:
        words = call("HGETALL", self._key(stream, "info"))
        return info_from(dict(zip(words[::2], words[1::2], strict=True))) if words else None

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        if until <= after:
            return []
        key, bounds = self._key(stream), (f"({after}-0", f"{until}-0")
        found = self._retry("XRANGE", key, *bounds, "COUNT", count)
        return [entry for entry in map(entry_from, found) if not entry.is_end]

    def first(self, stream: str) -> Entry | None:
        found = self._retry("XRANGE", self._key(stream), "-", "+", "COUNT", 1)
        return entry_from(found[0]) if found else None

    def last(self, stream: str) -> Entry | None:
        return self._last(stream, self._retry)

    def _last(self, stream: str, call: Callable[..., Any]) -> Entry | None:
        found = call("XREVRANGE", self._key(stream), "+", "-", "COUNT", 1)
        return entry_from(found[0]) if found else None

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        # All that can be done before anything has come is done before.
        deadline = time.monotonic() + timeout_s
        made: dict[bytes, tuple[str, Callable[[Any], Entry | UnclockedEntry]]] = {
            f"{self.culture}:{stream}".encode(): (
                stream,
                entry_from if isinstance(at, int) else said_from,
            )
            for stream, at in cursors.items()
        }
        ids = [f"{at}-0" if isinstance(at, int) else at for at in cursors.values()]
        while True:
            left_s = max(0.001, min(LONGEST_BLOCK_S, deadline - time.monotonic()))
            block_ms = round(1000 * left_s)
            found = self._retry("XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", *made, *ids)
            if found:
                break
            if time.monotonic() >= deadline:
                return []
        read: list[tuple[str, Entry | UnclockedEntry]] = []
        for key, items in found:
            stream, item_from = made[key]
            for item in items:
                read.append((stream, item_from(item)))
        return read
