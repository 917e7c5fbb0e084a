"""The original's `get_connection`: waits for a stream and connects to it."""

import time

from crepe.errors import ConfigError, DeviceError, StoreError, suggest
from crepe.legacy import settings
from crepe.legacy.connection import Connection
from crepe.redis_server.find_url import CULTURE, find_place
from crepe.store import DataModus
from crepe.store.contract import StreamStore
from crepe.store.modus import stream_name
from crepe.store.redis_store import RedisStore

_POLL_S = 0.05


def get_connection(
    port: int | str | DataModus, *, store: StreamStore | None = None, timeout_s: float = 10.0
) -> Connection:
    """Wait for a stream and return a connection to it; its calls are at `.root`.

    `port` is a port or a service name of `crepe.settings.RPCPORTS`, a stream's name or a
    DataModus. Raises DeviceError if the stream does not exist after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    requested, reason = _stream(port), "no such stream"
    while True:
        try:
            if store is None:
                url, culture = find_place()
                store = RedisStore(url, culture=culture, writer="connection")
            culture = getattr(store, "culture", CULTURE)
            name = stream_name(requested.removeprefix(f"{culture}:").lower())
            if store.info(name) is not None:
                return Connection(store, name)
        except StoreError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise DeviceError(f"stream {requested!r}: not there after {timeout_s:g} s ({reason})")
        time.sleep(_POLL_S)


def _stream(port: int | str | DataModus) -> str:
    if isinstance(port, DataModus):
        return port.stream
    services = settings.services()
    if isinstance(port, str):
        return services.get(port, port)
    by_port = {number: services[name] for name, number in settings.ports().items()}
    if port not in by_port:
        raise ConfigError(f"port {port}: no service{suggest(str(port), map(str, by_port))}")
    return by_port[port]
