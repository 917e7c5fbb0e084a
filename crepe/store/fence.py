"""A fence around appends: they are executed only while the writer has all its streams.

The claim on a stream is `writer` and `session` in its info. The server watches the claims from one
append to the next: an append is a transaction, which it refuses if another client has changed one.
Right after the append follow the WATCH for the next one and a read of the claims. So the check
costs no round trip; as it is sent separately, the server wakes the readers before it. Its replies
are read with the next command: a writer that waited for them would be woken twice for each append.
"""

# Decision 7: why WATCH and not a script.

from collections.abc import Sequence
from typing import Any

from crepe.errors import OrderError
from crepe.store.connection import RedisConnection, pack
from crepe.store.contract import Payload

_MULTI, _EXEC, _UNWATCH = (pack((word,)) for word in ("MULTI", "EXEC", "UNWATCH"))


class Fence:
    """An executor of commands that checks the claims on streams, by the key of their info."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._claims: dict[str, list[bytes]] = {}
        self._replaced: dict[str, str] = {}  # by key of a lost claim: its new writer, or empty
        self._is_up = False
        self._watch = b""  # commands that watch the claims, and then read them
        self._expected: list[bytes | list[bytes]] = []  # the replies to these, while all are held

    def claim(self, key: str, writer: str, session: str) -> None:
        """Require `writer` and `session` in the info at `key` from now on."""
        self._claims[key] = [writer.encode(), session.encode()]
        self._replaced.pop(key, None)
        self._is_up = False

    def drop(self, key: str) -> None:
        """Give up the claim on a stream."""
        self._claims.pop(key, None)
        self._is_up = False

    def take_down(self) -> None:
        """Note that the connection is new: the server watches nothing."""
        self._is_up = False

    def carry_out(self, keys: Sequence[str], packed: Sequence[Payload]) -> list[Any]:
        """Execute packed commands, one for each of the claims `keys`, and return their replies.

        An error reply is a value here. Raises OrderError if another writer has a claim, and the
        server's error if it refuses the transaction; then no command was executed.
        """
        n = len(keys)
        while True:
            claims = self._connection.later()
            if claims and self._is_up:
                self._check(claims)
            if not self._is_up and self._claims:
                self._set_up()
            if self._replaced:
                self._check_not_replaced(keys)
            whole = b"".join((_MULTI, *packed, _EXEC))
            # the replies: one to MULTI, one to each command as queued, the list of EXEC
            replies = self._connection.exchange(whole, self._watch, n + 2, len(self._expected))
            done = replies[n + 1]
            # A claim lost after EXEC concerns the next append; this one is stored.
            if isinstance(done, list):
                return done
            # No error: a claim was touched, so EXEC did nothing. If it is still held, try again.
            for reply in replies:
                if isinstance(reply, Exception):
                    self._connection.refuse(reply)

    def _set_up(self) -> None:
        reads = [pack(("HMGET", key, "writer", "session")) for key in self._claims]
        self._watch = b"".join((pack(("WATCH", *self._claims)), *reads))
        self._expected = [b"OK", *self._claims.values()]
        self._is_up = True
        # UNWATCH first: WATCH only adds keys, and one of a dropped claim must not refuse an append.
        self._check(self._connection.exchange(_UNWATCH, self._watch, 1 + len(self._expected))[1:])

    def _check_not_replaced(self, keys: Sequence[str]) -> None:
        for key in keys:
            if writer := self._replaced.get(key):
                raise OrderError(f"{key}: another writer has the stream: {writer}")
            if writer is not None:
                raise OrderError(
                    f"{key}: is gone, so the stream has no writer: a client has deleted it, or the "
                    "server evicts keys (its maxmemory-policy must be noeviction)"
                )

    def _check(self, replies: Sequence[Any]) -> None:
        """Compare the claims, which are watched by now, and drop those of other writers."""
        if replies == self._expected:
            return
        for reply in replies:
            if isinstance(reply, Exception):
                self.take_down()
                self._connection.refuse(reply)
        for key, claim in zip(list(self._claims), replies[1:], strict=True):
            if claim != self._claims[key]:
                self._replaced[key] = str(claim[0] or b"", "utf-8")
                self.drop(key)
