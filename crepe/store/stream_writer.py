"""A writer's state for a stream that it has declared: its end, and its last seconds."""

from collections import deque

from crepe.messages import StreamInfo
from crepe.store.connection import pack_arguments
from crepe.store.contract import Entry, check_order
from crepe.store.redis_fields import entry_fields
from crepe.store.retention import Retention

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

    def command(self, entry: Entry) -> tuple[bytes, ...]:
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
        oldest = f"{self.retention.oldest(self.stop)}-0"
        # `~`: the server drops whole nodes only, which costs it less.
        self._first_arguments = pack_arguments("XADD", self.key, "MINID", "~", oldest)

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


def identity(entry: Entry) -> str:
    """Return the ID of an entry: its stop, with `-1` for the end marker."""
    return f"{entry.stop}-1" if entry.is_end else f"{entry.stop}-0"
