"""Streams kept by a Redis (or Valkey) server."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from redis.exceptions import OutOfMemoryError

from crepe.errors import OrderError, StoreError, StoreUnavailableError
from crepe.messages import StreamInfo
from crepe.store.connection import CommandRefusedError, ConnectionLostError, Word
from crepe.store.contract import Entry
from crepe.store.fence import Fence
from crepe.store.modus import CULTURE
from crepe.store.redis_fields import entry_from, info_words, writer_of
from crepe.store.redis_reader import LATER, RedisReader, _nothing
from crepe.store.retention import DEFAULT_BUDGET_BYTES, DEFAULT_KEEP_S, Retention
from crepe.store.stream_writer import RESEND_S, Writing, identity

log = logging.getLogger(__name__)

_BEAT_KEPT_S = 3600

_DECLARE = """
-- KEYS: stream, info, readers.  ARGV: session, writer, is_fresh, then field, value, ... of info
local session = redis.call('HGET', KEYS[2], 'session')
if ARGV[3] == '1' or session ~= ARGV[1] then
  redis.call('UNLINK', KEYS[1], KEYS[3])
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'session', ARGV[1], 'writer', ARGV[2], unpack(ARGV, 4))
return redis.status_reply('OK')
"""
"""Take a stream over for a writer; what belongs to another session goes."""


class RedisStore(RedisReader):
    """Streams in Redis, through one connection; not for several threads.

    Parameters
    ----------
    url
        redis://, rediss:// or unix://
    culture
        First word of every key.
    patience_s, meanwhile
        As in RedisReader.
    keep_s
        Seconds of signal that stay readable, if memory allows; `declare` may say otherwise.
    """

    def __init__(
        self,
        url: str,
        *,
        culture: str = CULTURE,
        writer: str = "client",
        patience_s: float = 5.0,
        keep_s: float = DEFAULT_KEEP_S,
        meanwhile: Callable[[], None] = _nothing,
    ) -> None:
        self.writer = f"{writer}-{uuid4().hex[:12]}"
        super().__init__(url, culture, self.writer, patience_s, meanwhile)
        self._keep_s = keep_s
        self._budget_bytes: float = DEFAULT_BUDGET_BYTES
        self._writing: dict[str, Writing] = {}
        self._fence = Fence(self._connection)
        self._connect(time.monotonic())

    # Connection

    def _prepare(self) -> None:
        self._fence.take_down()
        with suppress(
            CommandRefusedError
        ):  # a managed server may not tell; then the default stands
            maxmemory = int(self._connection.call("CONFIG", "GET", "maxmemory")[1])
            self._budget_bytes = maxmemory / 2 or DEFAULT_BUDGET_BYTES
        for stream, writing in self._writing.items():
            self._send_again(stream, writing)

    def _send_again(self, stream: str, writing: Writing) -> None:
        """After a reconnect: give the server what it has lost of a stream, if anything."""
        call = self._connection.call
        if self._info(stream, call) is None:
            log.warning("%s: the server came back without it; going on", writing.key)
            self._declare(stream, writing.info)
        last = self._last(stream, call)
        have = last.stop if last else 0
        missing = [entry for entry in writing.recent if entry.stop > have or entry.is_end]
        if missing and last is not None and missing[0].start > have:
            log.warning(
                "%s: samples %d to %d are lost: the server lost more than the last %.0f s",
                *(writing.key, have, missing[0].start, RESEND_S),
            )
        for entry in missing:
            self._send([(stream, entry)])
        if missing and last is not None:
            log.warning("%s: sent %d entries again", writing.key, len(missing))

    # Writing

    def declare(
        self,
        stream: str,
        info: StreamInfo,
        *,
        is_fresh: bool = False,
        takes_over: bool = False,
        keep_s: float | None = None,
        keep_bytes: float | None = None,
    ) -> Entry | None:
        before = self.info(stream)
        if before and before.writer != self.writer and not takes_over and self._is_here(before):
            raise OrderError(
                f"{self._key(stream)}: {before.writer} is writing it; choose another stream name"
            )
        is_fresh = is_fresh or (before is not None and before.session != info.session)
        began_s = time.monotonic()
        while True:
            self._connect(began_s)
            try:
                self._declare(stream, info, is_fresh=is_fresh)
                break
            except LATER as why:
                self._bear(why, began_s)
        last = self.last(stream)
        kept = (keep_s or self._keep_s, keep_bytes or self._budget_bytes)
        retention = Retention(info.sampling_rate_hz, *kept, self._budget_bytes)
        self._writing[stream] = Writing(self._key(stream), info, self.writer, retention, last)
        return last

    def _declare(self, stream: str, info: StreamInfo, *, is_fresh: bool = False) -> None:
        keys = (self._key(stream), self._key(stream, "info"), self._key(stream, "readers"))
        words = (info.session, self.writer, "1" if is_fresh else "0", *info_words(info))
        self._connection.call("EVAL", _DECLARE, len(keys), *keys, *words)
        self._fence.claim(self._key(stream, "info"), self.writer, info.session)

    def _is_here(self, info: StreamInfo) -> bool:
        """Whether the writer of a stream is connected now."""
        try:
            clients: bytes = self._retry("CLIENT", "LIST")
        except CommandRefusedError:  # not every server tells; then the newest writer has it
            return False
        return f" name={info.writer} ".encode() in clients

    def append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        # Nothing stands between an entry and the socket that could as well be done afterwards.
        began_s = time.monotonic()
        for stream, entry in batch:
            writing = self._writing[stream]
            writing.check(entry)
            if writing.is_ahead(entry):
                self._wait_for_readers(stream, writing, entry, began_s)
        while True:
            if not self._connection.is_connected:
                self._connect(began_s)
            try:
                self._send(batch)
                break
            except LATER as why:
                self._bear(why, began_s)
        for stream, entry in batch:
            self._writing[stream].remember(entry)
        for stream, _ in batch:
            writing = self._writing[stream]
            if writing.retention.is_due():
                with suppress(StoreUnavailableError):  # the batch is there; this can wait
                    self._refresh(stream, writing)

    def _send(self, batch: Sequence[tuple[str, Entry]]) -> None:
        claims: list[str] = []
        packed: list[bytes] = []
        for stream, entry in batch:
            writing = self._writing[stream]
            claims.append(writing.info_key)
            packed += writing.command(entry)
        replies = self._fence.carry_out(claims, packed)
        for (stream, entry), reply in zip(batch, replies, strict=True):
            if isinstance(reply, Exception):
                self._must_be_there(stream, entry, reply)

    def _must_be_there(self, stream: str, entry: Entry, refusal: Exception) -> None:
        """An append was refused: it is a repeated one if what stands there is ours."""
        if "equal or smaller" not in str(refusal):
            self._connection.refuse(refusal)
        key, at = self._key(stream), identity(entry)
        found = self._connection.call("XRANGE", key, at, at)
        if not found or writer_of(found[0]) != self.writer:
            raise OrderError(f"{key}: another writer has the stream: {at} or later is there")

    def _refresh(self, stream: str, writing: Writing) -> None:
        """Once a second: tell the rate, learn the sum of all and where the readers are."""
        rates = f"{self.culture}:rates"
        rate = writing.bytes_per_s()
        self._retry("HSET", rates, stream, f"{rate:.0f}")
        total = sum(map(float, self._retry("HVALS", rates)))
        words = self._retry("HGETALL", self._key(stream, "readers"))
        readers = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        writing.retention.update(rate, total, readers)

    def _wait_for_readers(
        self, stream: str, writing: Writing, entry: Entry, began_s: float
    ) -> None:
        """A recording that is replayed waits for its readers; a living culture does not."""
        while True:
            self._refresh(stream, writing)
            if not writing.is_ahead(entry):
                return
            behind = f"{writing.key}: at {entry.stop} it waits for a reader at {writing.read_until}"
            self._bear(StoreUnavailableError(behind), began_s)

    def _make_room(self) -> None:
        """At the memory ceiling XADD is refused but XTRIM is not: keep half of what is there."""
        call = self._connection.call
        for writing in self._writing.values():
            found = call("XRANGE", writing.key, "-", "+", "COUNT", 1)
            if not found:
                continue
            middle = (entry_from(found[0]).stop + writing.stop) // 2
            n = call("XTRIM", writing.key, "MINID", "~", f"{middle}-0", "LIMIT", 1000)
            read_until = writing.read_until
            is_unread = n and read_until is not None and read_until < middle
            log.error(
                "%s: Redis is at its memory ceiling; %d entries before sample %d dropped%s",
                *(writing.key, n, middle),
                f", of which a reader lacks those after {read_until}" if is_unread else "",
            )

    def delete(self, stream: str) -> None:
        self._writing.pop(stream, None)
        self._fence.drop(self._key(stream, "info"))
        parts = (self._key(stream, part) for part in ("", "info", "readers", "ahead"))
        self._retry("UNLINK", *parts)
        self._retry("HDEL", f"{self.culture}:rates", stream)

    def append_unclocked(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        kept = () if n_kept is None else ("MAXLEN", "~", n_kept)
        began_s = time.monotonic()
        while True:
            self._connect(began_s)
            try:
                said = self._connection.call("XADD", self._key(stream), *kept, "*", "data", payload)
                return str(said, "ascii")
            except ConnectionLostError as lost:
                raise StoreError(f"{lost}; it may have been said or not") from lost
            except OutOfMemoryError as why:
                self._bear(why, began_s)

    def forget(self, stream: str, before: str) -> None:
        self._retry("XTRIM", self._key(stream), "MINID", before)

    def register(self, stream: str, reader: str, position: int) -> None:
        self._retry("HSET", self._key(stream, "readers"), reader, position)

    def run_script(self, script: str, name: str, *arguments: Word) -> Any:
        """Run a Lua script about one key of the culture, and return its reply.

        The script must bear repetition: after a lost connection it is run again.
        """
        return self._retry("EVAL", script, 1, self._key(name), *arguments)

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
