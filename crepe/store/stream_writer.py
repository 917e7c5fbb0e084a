"""What a writer keeps of a stream that it has declared: its end, and its last seconds."""

from collections import deque

from crepe.messages import StreamInfo
from crepe.store.connection import pack_words
from crepe.store.contract import Entry, check_order
from crepe.store.redis_fields import entry_words
from crepe.store.retention import Retention

RESEND_S = 3.0  # an unlucky server loses about a second of what it has acknowledged
_N_KNOWN_WORDS = 5 + 1 + 5 + 1  # the first words, the ID, the last fields, the payload
_FIELDS_BYTES = 100  # of an entry in the server, beside its payload; about


class Writing:
    """A stream that is ours to append to."""

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
        # All that is known of the next command before its entry is there is packed before.
        self._last_fields = pack_words("session", info.session, "writer", writer, "data")
        self._begin_next()

    @property
    def read_until(self) -> int | None:
        """The least position of a registered reader."""
        return self.retention.read_until

    def is_ahead(self, entry: Entry) -> bool:
        """Whether readers of a replay must come nearer before `entry` may follow."""
        return (
            entry.stop > self.retention.furthest
            and not self.info.is_live
            and self.read_until is not None
            and self.read_until < self.stop  # who has all that is there is not behind
        )

    def check(self, entry: Entry) -> None:
        """Raise OrderError if `entry` cannot follow."""
        check_order(self.key, entry, self.stop, self._is_ended, self.info)

    def command(self, entry: Entry) -> tuple[bytes, ...]:
        """What appends `entry`, and drops what was too old when the last one had been appended."""
        words = entry_words(entry)
        return (
            b"*%d\r\n" % (_N_KNOWN_WORDS + len(words)),
            self._first_words,
            pack_words(identity(entry), *words),
            self._last_fields,
            b"$%d\r\n" % len(entry.payload),
            entry.payload,
            b"\r\n",
        )

    def _begin_next(self) -> None:
        oldest = f"{self.retention.oldest(self.stop)}-0"
        self._first_words = pack_words("XADD", self.key, "MINID", "~", oldest)

    def remember(self, entry: Entry) -> None:
        """`entry` is in the server."""
        self.stop = entry.stop
        self._is_ended = entry.is_end
        self._begin_next()
        self.retention.count(entry.start, len(entry.payload) + _FIELDS_BYTES)
        self.recent.append(entry)
        oldest = entry.stop - RESEND_S * self.info.sampling_rate_hz
        while self.recent[0].stop < oldest:
            self.recent.popleft()

    def bytes_per_s(self) -> float:
        """Rate of the stream, in bytes per second of signal."""
        return self.retention.bytes_per_s(self.stop)


def identity(entry: Entry) -> str:
    """The ID of an entry: where it stops, and 1 behind it for the end of the stream."""
    return f"{entry.stop}-1" if entry.is_end else f"{entry.stop}-0"
