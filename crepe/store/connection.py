"""One dedicated connection to the Redis server: packed by hiredis, no pool, no retries inside.

The high-level client's pool, option handling and hooks are half the cost of an XADD.
"""

import time
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from crepe.errors import StoreError

LONGEST_BLOCK_S = 1.0  # a blocking command waits no longer in the server
_REPLY_S = LONGEST_BLOCK_S + 1.0  # a server that is silent for so long is taken as lost
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5


class Lost(Exception):
    """The connection broke before a reply came: the commands may have been carried out or not."""


class RedisConnection:
    """Sends commands and reads replies; who calls decides what a lost connection means."""

    def __init__(self, url: str, name: str) -> None:
        try:
            settings = dict(parse_url(url))  # type: ignore[no-untyped-call] # redis-py's
        except ValueError as error:
            raise StoreError(f"Redis URL {url!r}: {error}") from error
        kind = settings.pop("connection_class", None)
        if kind is None:
            kind = UnixDomainSocketConnection if "path" in settings else Connection
        self.url = url
        self.name = name
        self.is_connected = False
        is_tcp = issubclass(kind, Connection | SSLConnection)
        self._connection: Any = kind(
            **settings,
            **({"socket_keepalive": True} if is_tcp else {}),
            protocol=2,
            client_name=name,
            driver_info=None,
            socket_timeout=_REPLY_S,
            socket_connect_timeout=_REPLY_S,
            socket_read_size=1 << 16,
            retry=None,
        )

    def connect(self, patience_s: float) -> None:
        """Connect and see that the server is ready; tries again for `patience_s` seconds.

        Raises StoreError when nobody answers, and at once for a wrong password or an old server.
        """
        deadline = time.monotonic() + patience_s
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                self._connection.connect()
                self._connection.send_command("PING")
                self._connection.read_response()
                self.is_connected = True
                return
            except AuthenticationError as error:
                raise StoreError(f"{self.url}: {error}") from error
            except (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError) as error:
                self.disconnect()
                if time.monotonic() + wait_s > deadline:
                    raise StoreError(f"{self.url}: no Redis server answers ({error})") from error
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def disconnect(self) -> None:
        self.is_connected = False
        self._connection.disconnect()

    def call(self, *words: str | bytes | int | float) -> Any:
        """One command, one reply.

        Raises Lost, or redis.exceptions.ResponseError with the server's words.
        """
        try:
            self._connection.send_packed_command(self._connection.pack_command(*words), False)
            return self._connection.read_response()
        except ResponseError:
            raise
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            self.disconnect()
            raise Lost(f"{self.url}: {error}") from error
