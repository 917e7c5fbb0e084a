"""The reading half of a store on a Redis (or Valkey) server, with a connection that recovers."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from crepe.errors import StoreError, StoreUnavailableError
from crepe.messages import StreamInfo
from crepe.redis_server.login import ConnectionLostError
from crepe.store.connection import (
    LONGEST_BLOCK_S,
    Argument,
    DiskFullError,
    NotNowError,
    OtherNodeError,
    OutOfMemoryError,
    RedisConnection,
)
from crepe.store.contract import READ_COUNT, Cursor, Entry, UnclockedEntry
from crepe.store.redis_fields import entry_from, info_from, pairs, unclocked_from

log = logging.getLogger(__name__)

LATER = (ConnectionLostError, NotNowError)  # errors after which a retry may succeed
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _FOREIGN_PAUSE_S = 0.02, 0.5, 0.02
_LAST_ID = b"-".join((str(2**64 - 1).encode(),) * 2)  # nothing can begin behind it
_MOST_LOGGED = 100  # entries of others
_SAID_AGAIN_S = 60.0  # a server that takes no writes is logged so often at most


def _nothing() -> None:
    pass


class RedisReader:
    """A reader of streams as they are in Redis, through one connection; not for several threads.

    Attributes
    ----------
    patience_s
        For how long a call is retried before it raises StoreUnavailableError.
    meanwhile
        Called between two tries; an exception from it ends the retries.
    n_foreign
        Number of entries that CREPE has not written, and that were skipped.
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
        self._connection = RedisConnection(url, name, culture)
        self.n_foreign = 0
        self._foreign: dict[str, tuple[int, int]] = {}  # the furthest ID of one, by stream
        self._reported_s: dict[type[Exception], float] = {}  # monotonic time, by class of error

    @property
    def is_connected(self) -> bool:
        """Whether the server replied last time."""
        return self._connection.is_connected

    @property
    def url(self) -> str:
        """URL of the server, with the password."""
        return self._connection.url

    @property
    def place(self) -> str:
        """URL of the server, without the password."""
        return self._connection.place

    def _key(self, stream: str, part: str = "") -> str:
        if self._connection.first_part is None:  # a connection shows it
            self._repeat(_nothing)
        key = f"{self._connection.first_part}:{stream}"
        return f"{key}:{part}" if part else key

    # Connection

    def _connect(self, began_s: float) -> None:
        """Connect, with retries since `began_s`; do nothing if connected."""
        while not self._connection.is_connected:
            try:
                self._connection.connect()
                self._prepare()
            except LATER as error:
                try:
                    self._wait_to_retry(error, began_s)
                finally:
                    self._connection.disconnect()  # the next try begins with a new connection

    def _prepare(self) -> None:
        """Prepare a new connection; for subclasses."""

    def _make_room(self) -> None:
        """Free memory of a server at its memory ceiling; for subclasses."""

    def _retry(self, *arguments: Argument) -> Any:
        """Send a command that may be repeated, also after a lost connection; return its reply.

        Raises StoreUnavailableError after `patience_s`.
        """
        return self._repeat(lambda: self._connection.call(*arguments))

    def _retry_all(self, commands: Iterable[tuple[Argument, ...]]) -> list[Any]:
        """Send such commands in one round trip; return their replies. Raises as `_retry` does."""
        if not (listed := list(commands)):
            return []
        replies: list[Any] = self._repeat(lambda: self._connection.call_all(listed))
        return replies

    def _repeat(self, call: Callable[[], Any]) -> Any:
        began_s = time.monotonic()
        while True:
            if not self._connection.is_connected:
                self._connect(began_s)
            try:
                return call()
            except LATER as error:
                self._wait_to_retry(error, began_s)

    def _wait_to_retry(self, error: Exception, began_s: float) -> None:
        """Wait until the next try, or raise StoreUnavailableError after `patience_s`."""
        if isinstance(error, OutOfMemoryError):
            with suppress(ConnectionLostError):  # the next try connects again
                self._make_room()
        elif isinstance(error, DiskFullError | OtherNodeError):
            self._report(error)
        self.meanwhile()
        waited_s = time.monotonic() - began_s
        if waited_s >= self.patience_s:
            raise StoreUnavailableError(str(error)) from error
        # Each pause is as long as the wait so far, so that pauses double.
        time.sleep(min(max(waited_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S))

    def _report(self, error: Exception) -> None:
        """Log why the server takes no writes, or what another node must do, once in a while."""
        now_s, kind = time.monotonic(), type(error)
        if now_s > self._reported_s.get(kind, -math.inf) + _SAID_AGAIN_S:
            log.error("%s: takes no writes, waiting until it does: %s", self.place, error)
            self._reported_s[kind] = now_s

    def close(self) -> None:
        self._connection.disconnect()

    # Reading

    def streams(self) -> list[str]:
        return sorted(name.decode() for name in pairs(self._retry("HGETALL", self._names)))

    @property
    def _names(self) -> str:
        """The key that lists the streams: SCAN would look at all keys of all users."""
        return self._key("streams")

    def info(self, stream: str) -> StreamInfo | None:
        return self._info(stream, self._retry)

    def _info(self, stream: str, call: Callable[..., Any]) -> StreamInfo | None:
        items = call("HGETALL", self._key(stream, "info"))
        return info_from(pairs(items)) if items else None

    def entries(self, stream: str, after: int, until: int, count: int) -> list[Entry]:
        if until <= after:
            return []
        entries = self._range(stream, f"({after}-0", f"{until}-0", count, self._retry)
        return [entry for entry in entries if not entry.is_end]

    def first(self, stream: str) -> Entry | None:
        return next(iter(self._range(stream, "-", "+", 1, self._retry)), None)

    def _range(
        self, stream: str, begin: str, end: str, count: int, call: Callable[..., Any]
    ) -> list[Entry]:
        """Return `count` entries from one ID to another; less only if there are no more.

        Backwards if `begin` is "+".
        """
        command, most = ("XREVRANGE", b"") if begin == "+" else ("XRANGE", _LAST_ID)
        entries: list[Entry] = []
        while True:
            items = call(command, self._key(stream), begin, end, "COUNT", count)
            entries += self._entries_from(stream, items)
            if len(items) < count or len(entries) >= count or items[-1][0] == most:
                return entries[:count]
            begin = f"({items[-1][0].decode()}"

    def _entries_from(self, stream: str, items: Sequence[Any]) -> list[Entry]:
        """Return the entries of a reply, without those that another program has put in between."""
        try:
            return list(map(entry_from, items))
        except StoreError:
            pass  # the rare case: one by one
        entries: list[Entry] = []
        for item in items:
            try:
                entries.append(entry_from(item))
            except StoreError as error:
                self._note_foreign(stream, item[0], error)
        return entries

    def _note_foreign(self, stream: str, identity: bytes, error: StoreError) -> None:
        """Count an entry that CREPE has not written, and log it, the first time it is read."""
        milliseconds, _, number = identity.partition(b"-")
        at = int(milliseconds), int(number)
        if at > self._foreign.get(stream, (-1, -1)):
            self._foreign[stream] = at
            self.n_foreign += 1
            if self.n_foreign <= _MOST_LOGGED:
                log.error("%s: skipped %s", self._key(stream), error)

    def covered(self, stream: str) -> list[tuple[int, int]] | None:
        """Return None: Redis gives the windows only together with the payloads."""
        del stream
        return None

    def last(self, stream: str) -> Entry | None:
        return self._last(stream, self._retry)

    def _last(self, stream: str, call: Callable[..., Any]) -> Entry | None:
        return next(iter(self._range(stream, "+", "-", 1, call)), None)

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = READ_COUNT
    ) -> list[tuple[str, Entry | UnclockedEntry]]:
        # The preparation comes before the wait, so that entries are returned with the least delay.
        deadline = time.monotonic() + timeout_s
        by_key = {self._key(stream).encode(): stream for stream in cursors}
        ids = [f"{at}-0" if isinstance(at, int) else at for at in cursors.values()]
        while True:
            # At least 1 ms: BLOCK 0 would wait for ever.
            left_s = max(0.001, min(LONGEST_BLOCK_S, deadline - time.monotonic()))
            ms = round(1000 * left_s)
            reply = self._retry("XREAD", "COUNT", count, "BLOCK", ms, "STREAMS", *by_key, *ids)
            read: list[tuple[str, Entry | UnclockedEntry]] = []
            for key, items in reply or ():
                stream = by_key[key]
                entries: Sequence[Entry | UnclockedEntry]
                if isinstance(at := cursors[stream], str):
                    entries = list(map(unclocked_from, items))
                elif not (entries := self._entries_from(stream, items)) and len(items) == count:
                    entries = self._range(stream, f"({at}-0", "+", count, self._retry)
                read += [(stream, entry) for entry in entries]
            left_s = deadline - time.monotonic()
            if read or left_s <= 0:
                return read
            if reply:  # only entries of others, which end the wait of XREAD each time
                time.sleep(min(left_s, _FOREIGN_PAUSE_S))

    def newest(self, streams: Iterable[str]) -> int | None:
        """Return the sample index after the last one that any of the streams holds."""
        names = list(streams)
        commands = (("XREVRANGE", self._key(s), "+", "-", "COUNT", 1) for s in names)
        stops: list[int] = []
        for stream, items in zip(names, self._retry_all(commands), strict=True):
            entries = self._entries_from(stream, items)
            # Where another program has put the last entry, the one before it is looked up.
            last = next(iter(entries), None) if entries or not items else self.last(stream)
            stops += [last.stop] if last else []
        return max(stops, default=None)

    def sessions(self, streams: Iterable[str]) -> list[str | None]:
        """Return the session of each stream; None for one that does not exist."""
        keys = (self._key(stream, "info") for stream in streams)
        texts = self._retry_all(("HGET", key, "session") for key in keys)
        return [None if text is None else text.decode() for text in texts]

    def beats(self) -> dict[str, dict[str, str]]:
        # No KEYS and no SCAN: both look at all keys of a server that CREPE shares with others.
        names = sorted(text.decode() for text in pairs(self._retry("HGETALL", self._actors)))
        states = self._retry_all(("HGETALL", self._actor(name)) for name in names)
        return {
            name: {field.decode(): text.decode() for field, text in pairs(state).items()}
            for name, state in zip(names, states, strict=True)
            if state
        }

    @property
    def _actors(self) -> str:
        return self._key("actors")

    def _actor(self, name: str) -> str:
        return self._key("actor", name)
