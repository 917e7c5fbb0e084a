"""The reading half of a store on a Redis (or Valkey) server, and the connection that comes back."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.connection import LONGEST_BLOCK_S, Lost, RedisConnection, Word
from crepe.store.contract import Cursor, Entry, Said
from crepe.store.wire import entry_from, info_from, said_from

log = logging.getLogger(__name__)


class RedisReader:
    """Reads streams in Redis, through one connection; not for several threads."""

    def __init__(self, url: str, culture: str, name: str, patience_s: float) -> None:
        self.culture = culture
        self._patience_s = patience_s
        self._connection = RedisConnection(url, name)

    @property
    def url(self) -> str:
        return self._connection.url

    def _key(self, stream: str, part: str = "") -> str:
        return f"{self.culture}:{stream}:{part}" if part else f"{self.culture}:{stream}"

    # Connection

    def _connect(self) -> None:
        while not self._connection.is_connected:
            self._connection.connect(self._patience_s)
            try:
                self._prepare()
            except Lost as lost:
                log.warning("lost Redis again while reconnecting: %s", lost)

    def _prepare(self) -> None:
        """Called on each new connection."""

    def _retry(self, *words: Word) -> Any:
        """A command that may be repeated: goes on after a lost connection.

        Raises StoreError when it is lost again and again for longer than this store is patient.
        """
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                if not self._connection.is_connected:
                    self._connect()
                return self._connection.call(*words)
            except Lost as lost:
                log.warning("lost Redis: %s", lost)
                if time.monotonic() > deadline:
                    raise StoreError(f"{words[0]!s}: {lost}") from lost

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
    ) -> list[tuple[str, Entry | Said]]:
        # All that can be done before anything has come is done before.
        deadline = time.monotonic() + timeout_s
        made: dict[bytes, tuple[str, Callable[[Any], Entry | Said]]] = {
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
        read: list[tuple[str, Entry | Said]] = []
        for key, items in found:
            stream, item_from = made[key]
            for item in items:
                read.append((stream, item_from(item)))
        return read
