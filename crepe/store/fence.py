"""What a writer appends goes through only while all its streams are still its own.

The claim on a stream is `writer` and `session` in its info. The server watches the claims for us
from one append to the next: an append is a transaction that it refuses if somebody has touched
one, and right behind it follow the WATCH for the next append and a look at the claims. So the
check costs no round trip, and as it is sent by itself the server wakes the readers before it.
"""

from collections.abc import Sequence
from typing import Any

from crepe.errors import OrderError
from crepe.store.connection import RedisConnection, pack

_MULTI, _EXEC, _UNWATCH = (pack((word,)) for word in ("MULTI", "EXEC", "UNWATCH"))


class Fence:
    """Carries out commands while the claims on streams, by the key of their info, are ours."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._claims: dict[str, list[bytes]] = {}
        self._replaced: dict[str, str] = {}  # who has written a claim that was ours
        self._is_up = False
        self._watch = b""  # has the server watch the claims, and then tell them
        self._told: list[bytes | list[bytes]] = []  # the replies to that, while all are ours

    def claim(self, key: str, writer: str, session: str) -> None:
        """From now on: `writer` and `session` are what the info at `key` must say."""
        self._claims[key] = [writer.encode(), session.encode()]
        self._replaced.pop(key, None)
        self._is_up = False

    def drop(self, key: str) -> None:
        """The stream is nobody's any more."""
        self._claims.pop(key, None)
        self._is_up = False

    def take_down(self) -> None:
        """The connection is another: the server watches nothing."""
        self._is_up = False

    def carry_out(self, keys: Sequence[str], packed: Sequence[bytes]) -> list[Any]:
        """The replies of packed commands, one for each of the claims `keys` that they need.

        An error reply is a value here. Raises OrderError if a claim is another's, and what the
        server says if it refuses to begin; then nothing was carried out.
        """
        n = len(keys)
        while True:
            if not self._is_up and self._claims:
                self._set_up()
            if self._replaced:
                self._must_hold(keys)
            whole = b"".join((_MULTI, *packed, _EXEC))
            replies = self._connection.exchange(whole, self._watch, n + 2 + len(self._told))
            self._look(replies[n + 2 :])
            done = replies[n + 1]
            if isinstance(done, list):
                return done
            for reply in replies:
                if isinstance(reply, Exception):
                    self._connection.refuse(reply)

    def _set_up(self) -> None:
        looks = [pack(("HMGET", key, "writer", "session")) for key in self._claims]
        self._watch = b"".join((pack(("WATCH", *self._claims)), *looks))
        self._told = [b"OK", *self._claims.values()]
        self._is_up = True
        self._look(self._connection.exchange(_UNWATCH, self._watch, 1 + len(self._told))[1:])

    def _must_hold(self, keys: Sequence[str]) -> None:
        for key in keys:
            if key in self._replaced:
                raise OrderError(f"{key}: another writer has the stream: {self._replaced[key]}")

    def _look(self, told: Sequence[Any]) -> None:
        """See what the server tells, once it watches: it is not ours to write what is another's."""
        if told == self._told:
            return
        for reply in told:
            if isinstance(reply, Exception):
                self.take_down()
                self._connection.refuse(reply)
        for key, found in zip(list(self._claims), told[1:], strict=True):
            if found != self._claims[key]:
                self._replaced[key] = str(found[0] or b"nobody", "utf-8")
                self.drop(key)
