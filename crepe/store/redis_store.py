"""Streams kept by a Redis (or Valkey) server."""

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from crepe.errors import OrderError, StoreError
from crepe.messages import StreamInfo
from crepe.store import scripts
from crepe.store.connection import LONGEST_BLOCK_S, Lost, RedisConnection
from crepe.store.contract import Cursor, Entry, Said, check_order
from crepe.store.modus import CULTURE
from crepe.store.retention import DEFAULT_BUDGET_BYTES, DEFAULT_KEEP_S, Retention
from crepe.store.wire import entry_from, entry_words, info_from, info_words, said_from

log = logging.getLogger(__name__)

_RESEND_S = 3.0  # an unlucky server loses about a second of what it has acknowledged
_PAUSE_S = 0.05  # between looks at a slow reader, and between tries at a full server
_BEAT_KEPT_S = 3600
_FIELDS_BYTES = 100  # of an entry in the server, beside its payload; about


class _Writing:
    """What a writer keeps of a stream that it has declared."""

    def __init__(
        self, key: str, info_key: str, info: StreamInfo, retention: Retention, stop: int
    ) -> None:
        self.key = key
        self.info_key = info_key
        self.info = info
        self.retention = retention
        self.stop = stop
        self.is_ended = False
        self.recent: deque[Entry] = deque()

    def remember(self, entry: Entry) -> None:
        self.stop = entry.stop
        self.is_ended = entry.is_end
        self.retention.count(entry.start, len(entry.payload) + _FIELDS_BYTES)
        self.recent.append(entry)
        oldest = entry.stop - _RESEND_S * self.info.sampling_rate_hz
        while self.recent[0].stop < oldest:
            self.recent.popleft()


class RedisStore:
    """Streams in Redis, through one connection; not for several threads.

    Parameters
    ----------
    url
        redis://, rediss:// or unix://
    culture
        First word of every key.
    patience_s
        How long a lost or absent server is waited for; actors wait without a limit.
    """

    def __init__(
        self,
        url: str,
        *,
        culture: str = CULTURE,
        writer: str = "client",
        patience_s: float = 5.0,
        keep_s: float = DEFAULT_KEEP_S,
    ) -> None:
        self.culture = culture
        self.writer = f"{writer}-{uuid4().hex[:12]}"
        self._patience_s = patience_s
        self._keep_s = keep_s
        self._budget_bytes: float = DEFAULT_BUDGET_BYTES
        self._writing: dict[str, _Writing] = {}
        self._shas: dict[str, str] = {}
        self._connection = RedisConnection(url, self.writer)
        self._connect()

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
        try:
            self._shas = {
                text: self._connection.call("SCRIPT", "LOAD", text).decode()
                for text in (scripts.DECLARE, scripts.APPEND)
            }
        except ResponseError as error:
            raise StoreError(f"{self.url}: cannot load scripts: {error}") from error
        with suppress(ResponseError):  # a managed server may not tell; then the default stands
            maxmemory = int(self._connection.call("CONFIG", "GET", "maxmemory")[1])
            self._budget_bytes = maxmemory / 2 or DEFAULT_BUDGET_BYTES
        for stream, writing in self._writing.items():
            self._send_again(stream, writing)

    def _send_again(self, stream: str, writing: _Writing) -> None:
        """After a reconnect: give the server what it has lost of a stream, if anything."""
        if self.info(stream, is_retried=False) is None:
            log.warning("%s: the server came back without it; going on", self._key(stream))
            self._declare(stream, writing.info)
        last = self._newest(stream)
        have = last.stop if last else 0
        missing = [entry for entry in writing.recent if entry.stop > have or entry.is_end]
        if missing and last is not None and missing[0].start > have:
            log.warning(
                "%s: samples %d to %d are lost: the server lost more than the last %.0f s",
                *(self._key(stream), have, missing[0].start, _RESEND_S),
            )
        for entry in missing:
            self._run_append([(stream, entry)])
        if missing and last is not None:
            log.warning("%s: sent %d entries again", self._key(stream), len(missing))

    def _retry(self, *words: str | bytes | int | float) -> Any:
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

    def info(self, stream: str, *, is_retried: bool = True) -> StreamInfo | None:
        call = self._retry if is_retried else self._connection.call
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
        found = self._retry("XREVRANGE", self._key(stream), "+", "-", "COUNT", 1)
        return entry_from(found[0]) if found else None

    def _newest(self, stream: str) -> Entry | None:
        found = self._connection.call("XREVRANGE", self._key(stream), "+", "-", "COUNT", 1)
        return entry_from(found[0]) if found else None

    def wait(
        self, cursors: Mapping[str, Cursor], timeout_s: float, count: int = 64
    ) -> list[tuple[str, Entry | Said]]:
        deadline = time.monotonic() + timeout_s
        keys = [f"{self.culture}:{stream}" for stream in cursors]
        ids = [f"{at}-0" if isinstance(at, int) else at for at in cursors.values()]
        while True:
            left_s = max(0.001, min(LONGEST_BLOCK_S, deadline - time.monotonic()))
            found = self._retry(
                "XREAD", "COUNT", count, "BLOCK", round(1000 * left_s), "STREAMS", *keys, *ids
            )
            if found:
                break
            if time.monotonic() >= deadline:
                return []
        skip = len(self.culture) + 1
        return [
            (stream, entry_from(item) if isinstance(cursors[stream], int) else said_from(item))
            for key, items in found
            for stream in (key.decode()[skip:],)
            for item in items
        ]

    # Writing

    def declare(
        self, stream: str, info: StreamInfo, *, is_fresh: bool = False, takes_over: bool = False
    ) -> Entry | None:
        before = self.info(stream)
        if before and before.writer != self.writer and not takes_over and self._is_here(before):
            raise OrderError(
                f"{self._key(stream)}: {before.writer} is writing it; choose another name="
            )
        is_fresh = is_fresh or (before is not None and before.session != info.session)
        while True:
            self._connect()
            try:
                self._declare(stream, info, is_fresh=is_fresh)
                break
            except Lost as lost:
                log.warning("lost Redis: %s", lost)
        last = self.last(stream)
        retention = Retention(info.sampling_rate_hz, self._keep_s, self._budget_bytes)
        self._writing[stream] = _Writing(
            self._key(stream), self._key(stream, "info"), info, retention, last.stop if last else 0
        )
        return last

    def _declare(self, stream: str, info: StreamInfo, *, is_fresh: bool = False) -> None:
        keys = (self._key(stream), self._key(stream, "info"), self._key(stream, "readers"))
        words = ("EVALSHA", self._shas[scripts.DECLARE], 3, *keys)
        self._connection.call(
            *words, info.session, self.writer, "1" if is_fresh else "0", *info_words(info)
        )

    def _is_here(self, info: StreamInfo) -> bool:
        """Whether the writer of a stream is connected now."""
        try:
            clients: bytes = self._retry("CLIENT", "LIST")
        except ResponseError:  # not every server tells; then the newest writer has it
            return False
        return f" name={info.writer} ".encode() in clients

    def append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        # Nothing stands between an entry and the socket that could as well be done afterwards.
        for stream, entry in batch:
            writing = self._writing[stream]
            check_order(writing.key, entry, writing.stop, writing.is_ended, writing.info)
            if writing.retention.is_ahead(entry.stop):
                self._wait_for_readers(stream, writing, entry.stop)
        while True:
            try:
                if not self._connection.is_connected:
                    self._connect()
                self._run_append(batch)
                break
            except Lost as lost:
                log.warning("lost Redis: %s", lost)
            except OutOfMemoryError:
                self._make_room(batch)
        for stream, entry in batch:
            writing = self._writing[stream]
            writing.remember(entry)
            if writing.retention.is_due():
                self._refresh(stream, writing)

    def _run_append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        keys: list[str] = []
        words: list[str | bytes | int | float] = []
        for stream, entry in batch:
            writing = self._writing[stream]
            keys += (writing.key, writing.info_key)
            of_entry = entry_words(entry, self.writer)
            words += (
                f"{writing.retention.oldest(entry.stop)}-0",
                f"{entry.stop}-{int(entry.is_end)}",
                len(of_entry),
            )
            words += of_entry
        sha = self._shas[scripts.APPEND]
        try:
            self._connection.call(
                "EVALSHA", sha, len(keys), *keys, self.writer, writing.info.session, *words
            )
        except NoScriptError as error:
            self._connection.disconnect()
            raise Lost("the server has forgotten the scripts") from error
        except ResponseError as error:
            if str(error).startswith(("REPLACED", "ORDER")):
                raise OrderError(f"{self.url}: another writer has the stream: {error}") from error
            raise

    def _refresh(self, stream: str, writing: _Writing) -> None:
        """Once a second: tell the rate, learn the sum of all and where the readers are."""
        rates = f"{self.culture}:rates"
        rate = writing.retention.bytes_per_s(writing.stop)
        self._retry("HSET", rates, stream, f"{rate:.0f}")
        total = sum(map(float, self._retry("HVALS", rates)))
        words = self._retry("HGETALL", self._key(stream, "readers"))
        readers = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        writing.retention.update(total, readers)

    def _wait_for_readers(self, stream: str, writing: _Writing, stop: int) -> None:
        """A recording that is replayed waits for its readers; a living culture does not."""
        while not writing.info.is_live and writing.retention.is_ahead(stop):
            time.sleep(_PAUSE_S)
            self._refresh(stream, writing)

    def _make_room(self, batch: Sequence[tuple[str, Entry]]) -> None:
        """At the memory ceiling XADD is refused but XTRIM is not: keep half of what is there."""
        for stream, entry in batch:
            first = self.first(stream)
            if first is None:
                continue
            middle = (first.stop + entry.stop) // 2
            read_until = self._writing[stream].retention.read_until
            n = self._retry("XTRIM", self._key(stream), "MINID", "~", f"{middle}-0", "LIMIT", 1000)
            is_unread = read_until is not None and read_until < middle
            log.error(
                "%s: Redis is at its memory ceiling; %d entries before sample %d dropped%s",
                *(self._key(stream), n, middle),
                f", of which a reader lacks those after {read_until}" if is_unread else "",
            )
        time.sleep(_PAUSE_S)

    def delete(self, stream: str) -> None:
        self._writing.pop(stream, None)
        parts = (self._key(stream, part) for part in ("", "info", "readers", "ahead"))
        self._retry("UNLINK", *parts)
        self._retry("HDEL", f"{self.culture}:rates", stream)

    def say(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        self._connect()
        kept = () if n_kept is None else ("MAXLEN", "~", n_kept)
        try:
            said = self._connection.call("XADD", self._key(stream), *kept, "*", "data", payload)
        except Lost as lost:
            raise StoreError(f"{lost}; it may have been said or not") from lost
        return str(said, "ascii")

    def forget(self, stream: str, before: str) -> None:
        self._retry("XTRIM", self._key(stream), "MINID", before)

    def register(self, stream: str, reader: str, position: int) -> None:
        self._retry("HSET", self._key(stream, "readers"), reader, position)

    def beat(self, actor: str, state: Mapping[str, str]) -> None:
        key = f"{self.culture}:actor:{actor}"
        words = [word for pair in state.items() for word in pair]
        self._retry("HSET", key, *words)
        self._retry("EXPIRE", key, _BEAT_KEPT_S)

    def beats(self) -> dict[str, dict[str, str]]:
        prefix = f"{self.culture}:actor:"
        found = {}
        for key in sorted(self._retry("KEYS", f"{prefix}*")):
            words = [word.decode() for word in self._retry("HGETALL", key)]
            name = key.decode().removeprefix(prefix)
            found[name] = dict(zip(words[::2], words[1::2], strict=True))
        return found
