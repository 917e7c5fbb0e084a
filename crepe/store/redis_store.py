"""Streams kept by a Redis (or Valkey) server."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from crepe.errors import OrderError, StoreError, StoreUnavailableError
from crepe.messages import StreamInfo
from crepe.redis_server.find_url import CULTURE
from crepe.redis_server.login import ConnectionLostError
from crepe.store.connection import Argument, CommandRefusedError, NotNowError
from crepe.store.contract import Entry, Payload
from crepe.store.fence import Fence
from crepe.store.groups.grouped_redis import GroupedRedis
from crepe.store.redis_fields import info_fields, pairs, writer_of
from crepe.store.redis_reader import LATER, _nothing
from crepe.store.retention import DEFAULT_BUDGET_BYTES, DEFAULT_KEEP_S, Retention
from crepe.store.stream_writer import RESEND_S, Writing, identity, rebuild

log = logging.getLogger(__name__)

_BEAT_KEPT_S = 3600  # then `beats` no longer lists an actor that is gone

_DECLARE = """
-- KEYS: stream, info, readers, streams.  ARGV: session, writer, is_fresh, name of the stream,
-- then field, value, ... of info
local session = redis.call('HGET', KEYS[2], 'session')
if ARGV[3] == '1' or session ~= ARGV[1] then
  redis.call('UNLINK', KEYS[1], KEYS[3])
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'session', ARGV[1], 'writer', ARGV[2], unpack(ARGV, 5))
redis.call('HSET', KEYS[4], ARGV[4], ARGV[2])
return redis.status_reply('OK')
"""
"""Claim a stream for a writer; drop the entries of another session."""


class RedisStore(GroupedRedis):
    """Streams in Redis, through one connection; not for several threads.

    Parameters
    ----------
    url
        redis://, rediss:// or unix://
    culture
        First part of every key; on a cluster it is in braces, the hash tag of all of them.
    patience_s, meanwhile
        As in `RedisReader`.
    keep_s
        Seconds of signal that stay readable, if memory allows; `declare` may set another value.
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
        # Unique, since a restarted program must not pass for the writer whose claim it replaces.
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
        # a managed server may refuse CONFIG; then the default holds
        with suppress(CommandRefusedError):
            maxmemory = int(self._connection.call("CONFIG", "GET", "maxmemory")[1])
            # half of the memory is for streams; maxmemory 0 means no ceiling
            self._budget_bytes = maxmemory / 2 or DEFAULT_BUDGET_BYTES
        for stream, writing in self._writing.items():
            self._send_again(stream, writing)

    def _send_again(self, stream: str, writing: Writing) -> None:
        """Send the entries of a stream again that the server has lost; for a new connection."""
        call = self._connection.call
        # A server without an append-only file comes back empty: the fence would refuse this writer.
        if self._info(stream, call) is None:
            log.warning("%s: the server came back without it; continuing", writing.key)
            self._declare(stream, writing.info)
        last = self._last(stream, call)
        length = last.stop if last else 0
        # The end marker stops at the stream's length; to send it twice is harmless.
        missing = [entry for entry in writing.recent if entry.stop > length or entry.is_end]
        if missing and last is not None and missing[0].start > length:
            log.warning(
                "%s: samples %d to %d are lost: the server lost more than the last %.0f s",
                *(writing.key, length, missing[0].start, RESEND_S),
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
        if (
            before
            and before.writer != self.writer
            and not takes_over
            and self._is_writer_connected(before)
        ):
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
            except LATER as error:
                self._wait_to_retry(error, began_s)
        last = self.last(stream)
        kept = (keep_s or self._keep_s, keep_bytes or self._budget_bytes)
        retention = Retention(info.sampling_rate_hz, *kept, self._budget_bytes)
        self._writing[stream] = Writing(self._key(stream), info, self.writer, retention, last)
        return last

    def _declare(self, stream: str, info: StreamInfo, *, is_fresh: bool = False) -> None:
        keys = (*(self._key(stream, part) for part in ("", "info", "readers")), self._names)
        flag = "1" if is_fresh else "0"
        arguments = (info.session, self.writer, flag, stream, *info_fields(info))
        self._connection.call("EVAL", _DECLARE, len(keys), *keys, *arguments)
        self._fence.claim(self._key(stream, "info"), self.writer, info.session)

    def _is_writer_connected(self, info: StreamInfo) -> bool:
        """Return whether the writer of a stream is connected."""
        try:
            clients: bytes = self._retry("CLIENT", "LIST")
        except CommandRefusedError:  # some servers refuse; then the newest writer has the stream
            return False
        return f" name={info.writer} ".encode() in clients

    def append(self, batch: Sequence[tuple[str, Entry]]) -> None:
        # For the least delay, all that need not precede the sending of an entry comes after it.
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
            except LATER as error:
                self._wait_to_retry(error, began_s)
        for stream, entry in batch:
            self._writing[stream].remember(entry)
        if due := [s for s, _ in batch if self._writing[s].retention.is_due()]:
            with suppress(StoreUnavailableError):  # the batch is stored; this can wait
                self._refresh(due)

    def _send(self, batch: Sequence[tuple[str, Entry]]) -> None:
        claims: list[str] = []
        packed: list[Payload] = []
        for stream, entry in batch:
            writing = self._writing[stream]
            claims.append(writing.info_key)
            packed += writing.command(entry)
        replies = self._fence.carry_out(claims, packed)
        for (stream, entry), reply in zip(batch, replies, strict=True):
            if isinstance(reply, Exception):
                self._check_refusal(stream, entry, reply)

    def _check_refusal(self, stream: str, entry: Entry, refusal: Exception) -> None:
        """Raise for a refused append, unless it repeats one of this writer's that is stored."""
        # the server's texts for an ID that does not follow the last one, and for a last ID
        if not any(text in str(refusal) for text in ("equal or smaller", "exhausted")):
            self._connection.refuse(refusal)
        key, at = self._key(stream), identity(entry)
        items = self._connection.call("XRANGE", key, at, at)
        if items and writer_of(items[0]) == self.writer:
            return
        if rebuild(self._connection.call, self._writing[stream], entry):
            self._send([(stream, entry)])
            return
        raise OrderError(f"{key}: another writer has the stream: it holds {at} or later")

    def _refresh(self, streams: Sequence[str]) -> None:
        """Publish the streams' rates; get the sum of all rates and the readers' positions."""
        key = self._key("rates")
        rates = {stream: self._writing[stream].bytes_per_s() for stream in streams}
        texts = (text for stream, rate in rates.items() for text in (stream, f"{rate:.0f}"))
        reads = (("HGETALL", self._key(stream, "readers")) for stream in streams)
        _, values, *readers = self._retry_all((("HSET", key, *texts), ("HVALS", key), *reads))
        total = sum(map(float, values))
        for (stream, rate), reply in zip(rates.items(), readers, strict=True):
            self._writing[stream].retention.update(rate, total, [*map(int, pairs(reply).values())])

    def _wait_for_readers(
        self, stream: str, writing: Writing, entry: Entry, began_s: float
    ) -> None:
        """Wait until the readers of a replay are near enough; a living culture does not wait."""
        while True:
            self._refresh([stream])
            if not writing.is_ahead(entry):
                return
            behind = f"{writing.key}: at {entry.stop} it waits for a reader at {writing.read_until}"
            self._wait_to_retry(StoreUnavailableError(behind), began_s)

    def _make_room(self) -> None:
        """Drop the older half of each stream: at the memory ceiling XTRIM works, XADD does not."""
        call = self._connection.call
        for stream, writing in self._writing.items():
            oldest = self._range(stream, "-", "+", 1, call)
            if not oldest:
                continue
            middle = (oldest[0].stop + writing.stop) // 2
            n = call("XTRIM", writing.key, "MINID", "~", f"{middle}-0", "LIMIT", 1000)
            read_until = writing.read_until
            is_unread = n and read_until is not None and read_until < middle
            log.error(
                "%s: Redis is at its memory ceiling; %d entries before sample %d dropped%s",
                *(writing.key, n, middle),
                f", of which a reader lacks those after {read_until}" if is_unread else "",
            )

    def delete(self, stream: str) -> None:
        for name in self.names_of(stream):
            self._writing.pop(name, None)
            self._fence.drop(self._key(name, "info"))
            # `ahead` has the rows that wait for the others (crepe.legacy).
            parts = (self._key(name, part) for part in ("", "info", "readers", "ahead"))
            self._retry("UNLINK", *parts)
            self._retry("HDEL", self._names, name)
            self._retry("HDEL", self._key("rates"), name)

    def append_unclocked(self, stream: str, payload: bytes, n_kept: int | None = 10_000) -> str:
        kept = () if n_kept is None else ("MAXLEN", "~", n_kept)
        began_s = time.monotonic()
        while True:
            self._connect(began_s)
            try:
                reply = self._connection.call(
                    "XADD", self._key(stream), *kept, "*", "data", payload
                )
                return str(reply, "ascii")
            except ConnectionLostError as error:  # no retry: the command could be executed twice
                raise StoreError(f"{error}; the command may have arrived or not") from error
            except NotNowError as error:
                self._wait_to_retry(error, began_s)

    def forget(self, stream: str, before: str) -> None:
        self._retry("XTRIM", self._key(stream), "MINID", before)

    def register(self, stream: str, reader: str, position: int) -> None:
        self.register_all(reader, {stream: position})

    def register_all(self, reader: str, positions: Mapping[str, int]) -> None:
        """Register a reader's positions, by stream, in one round trip."""
        items = ((name, at) for stream, at in positions.items() for name in self.names_of(stream))
        self._retry_all(("HSET", self._key(name, "readers"), reader, at) for name, at in items)

    def run_script(self, script: str, name: str, *arguments: Argument) -> Any:
        """Run a Lua script on one key of the culture, and return its reply.

        After a lost connection the script is run again, so a repetition must be harmless.
        """
        return self._retry("EVAL", script, 1, self._key(name), *arguments)

    def beat(self, actor: str, state: Mapping[str, str]) -> None:
        key, actors = self._actor(actor), self._actors
        self._retry_all(
            (
                ("HSET", key, *(text for pair in state.items() for text in pair)),
                ("HSET", actors, actor, self.writer),
                ("EXPIRE", key, _BEAT_KEPT_S),
                ("EXPIRE", actors, _BEAT_KEPT_S),
            )
        )
