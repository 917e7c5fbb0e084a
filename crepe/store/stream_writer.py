"""A writer's state for a stream that it has declared: its end, and its last seconds."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from crepe.errors import OrderError
from crepe.messages import StreamInfo
from crepe.store.connection import CommandRefusedError, pack_arguments
from crepe.store.contract import Entry, Payload, check_order
from crepe.store.redis_fields import entry_fields
from crepe.store.retention import Retention

log = logging.getLogger(__name__)

_REBUILD = """
-- KEYS: stream, another key.  ARGV: session, start of the entry that was refused.
-- An ID that was used is never given back, not even by XDEL and XSETID: the entries are moved.
local function is_of_session(item)
  local fields = {}
  for i = 1, #item[2], 2 do
    fields[item[2][i]] = item[2][i + 1]
  end
  local is_whole = tonumber(fields['start']) and fields['writer'] and fields['data']
  return is_whole and fields['session'] == ARGV[1], fields['end']
end
local before = '+'
while before do
  local item = redis.call('XREVRANGE', KEYS[1], before, '-', 'COUNT', 1)[1]
  if not item then
    break
  end
  local is_ours, is_end = is_of_session(item)
  if is_ours then
    if is_end or tonumber(string.match(item[1], '^%d+')) > tonumber(ARGV[2]) then
      return 0
    end
    break
  end
  before = '(' .. item[1]
end
redis.call('DEL', KEYS[2])
local last = '-'
while last do
  local items = redis.call('XRANGE', KEYS[1], last, '+', 'COUNT', 64)
  for _, item in ipairs(items) do
    if is_of_session(item) then
      redis.call('XADD', KEYS[2], item[1], unpack(item[2]))
    end
  end
  last = #items == 64 and '(' .. items[64][1]
  if last then  -- memory for twice the stream may not be there
    redis.call('XTRIM', KEYS[1], 'MINID', items[64][1])
  end
end
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[1])
end
return 1
"""
"""Remove what no writer of the session has put into a stream, unless its end is one of theirs."""

RESEND_S = 3.0  # a server that crashes loses about a second of acknowledged entries
_N_CONSTANT = 5 + 1 + 5 + 1  # arguments: the first ones, the ID, the last fields, the payload
_FIELDS_BYTES = 100  # of an entry in the server, beside its payload; about


class Writing:
    """A stream that this process appends to."""

    def __init__(
        self, key: str, info: StreamInfo, writer: str, retention: Retention, last: Entry | None
    ) -> None:
        self.key = key
        self.info_key = f"{key}:info"
        self.info = info
        self.retention = retention
        self.recent: deque[Entry] = deque()
        self.stop = last.stop if last else 0
        self._is_ended = False
        # The parts of a command that do not depend on its entry are packed in advance.
        self._trim = pack_arguments("XADD", key, "MINID", "~")  # the server drops whole nodes only
        self._last_fields = pack_arguments("session", info.session, "writer", writer, "data")
        self._begin_next()

    @property
    def read_until(self) -> int | None:
        """The least position of a registered reader."""
        return self.retention.read_until

    def is_ahead(self, entry: Entry) -> bool:
        """Return whether a replay must wait for its readers before it appends `entry`."""
        return (
            entry.stop > self.retention.furthest
            and not self.info.is_live
            and self.read_until is not None
            and self.read_until < self.stop  # a reader of all entries is not behind
        )

    def check(self, entry: Entry) -> None:
        """Raise OrderError if `entry` cannot follow."""
        check_order(self.key, entry, self.stop, self._is_ended, self.info)

    def command(self, entry: Entry) -> tuple[Payload, ...]:
        """Return the command, in parts, that appends `entry` and trims the oldest entries.

        The limit of trimming is that after the last append.
        """
        fields = entry_fields(entry)
        return (
            b"*%d\r\n" % (_N_CONSTANT + len(fields)),
            self._first_arguments,
            pack_arguments(identity(entry), *fields),
            self._last_fields,
            # Packed here, since hiredis would copy the payload twice.
            b"$%d\r\n" % len(entry.payload),
            entry.payload,
            b"\r\n",
        )

    def _begin_next(self) -> None:
        oldest = b"%d-0" % self.retention.oldest(self.stop)
        self._first_arguments = b"%b$%d\r\n%b\r\n" % (self._trim, len(oldest), oldest)

    def remember(self, entry: Entry) -> None:
        """Note that `entry` is in the server."""
        self.stop = entry.stop
        self._is_ended = entry.is_end
        self._begin_next()
        self.retention.count(entry.start, len(entry.payload) + _FIELDS_BYTES)
        self.recent.append(entry)
        oldest = entry.stop - RESEND_S * self.info.sampling_rate_hz
        while self.recent[0].stop < oldest:
            self.recent.popleft()

    def bytes_per_s(self) -> float:
        """Return the rate of the stream, in bytes per second of signal."""
        return self.retention.bytes_per_s(self.stop)


def rebuild(call: Callable[..., Any], writing: Writing, refused: Entry) -> bool:
    """Remove foreign entries from a stream, whose IDs keep an entry of its writer out.

    Return False if that entry must not follow: another writer's is at the end. The server does
    nothing else meanwhile, for a second at most. Raises OrderError where it refuses.
    """
    key = writing.key
    try:
        arguments = (writing.info.session, refused.start)
        is_free = bool(call("EVAL", _REBUILD, 2, key, f"{key}:moved", *arguments))
    except CommandRefusedError as error:
        raise OrderError(
            f"{key}: a program that is not its writer has put entries into it, and they cannot be "
            f"removed: {error}"
        ) from error
    if is_free:
        log.error("%s: removed entries that CREPE has not written", key)
    return is_free


def identity(entry: Entry) -> str:
    """Return the ID of an entry: its stop, with `-1` for the end marker."""
    return f"{entry.stop}-1" if entry.is_end else f"{entry.stop}-0"
