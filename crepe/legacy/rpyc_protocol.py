"""RPyC connections on which named functions can be called, and nothing else.

No attribute is read or set, nothing is pickled, and results go by value: as tuples.
"""

# Decision 68: what RPyC may do here.

import struct
import zlib
from collections.abc import Callable, Mapping
from logging import getLogger
from typing import Any, NoReturn

import numpy as np
from rpyc.core import brine, consts
from rpyc.core.channel import Channel
from rpyc.core.protocol import Connection

from crepe.web.token import is_loopback

log = getLogger(__name__)

_LARGEST_REQUEST = 65_536  # bytes, also after decompression
_FORCED = {
    "allow_pickle": False,
    "import_custom_exceptions": False,
    "instantiate_custom_exceptions": False,
    "include_local_traceback": False,
    "propagate_KeyboardInterrupt_locally": False,
}
"""Settings that neither a client nor the `protocol_config` of a server can change."""
_MALFORMED = (
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError),
    *(struct.error, zlib.error),
)
"""Errors from bytes that are no RPyC message."""


class Functions:
    """The root of a connection: functions by name, and what closes them with it."""

    def __init__(self, functions: dict[str, Callable[..., Any]], close: Callable[[], None]) -> None:
        self.functions = functions
        self._close = close

    def on_disconnect(self, connection: Any) -> None:
        """Close what the functions use; RPyC calls this at the end of a connection."""
        del connection
        self._close()


def connect(root: Functions, channel: Channel, config: Mapping[str, Any]) -> Connection:
    """Return a connection for a server of RPyC, which calls this for each client.

    A client on another machine is disconnected at once, unless the server has an authenticator.
    """
    limited = _LimitedChannel(channel.stream, compress=False)
    connection = _FunctionConnection(root, limited, {**config, **_FORCED})
    _, peer = config.get("endpoints") or ("", "")
    address = str(peer[0]) if isinstance(peer, tuple) else ""  # empty: a unix socket
    if address and not is_loopback(address) and not config.get("credentials"):
        log.warning("disconnected %s: other machines need an authenticator", address)
        connection._cleanup()
    return connection


def by_value(value: Any) -> Any:
    """Return a value with tuples in place of lists and arrays, at every depth.

    Raises TypeError for what RPyC would send as a reference to an object.
    """
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "biuf":
        # Most of what is sent: no look at each number.
        return tuple(value.tolist() if value.ndim == 1 else map(by_value, value))
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(by_value, value))
    if not brine.dumpable(value):
        raise TypeError(f"{type(value).__name__}: sent are only numbers, texts, and lists of them")
    return value


class _LimitedChannel(Channel):  # type: ignore[misc]  # RPyC has no types
    """A channel that ends at a message which is too large for a request."""

    def recv(self) -> bytes:
        n_bytes, is_compressed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        if n_bytes > _LARGEST_REQUEST:
            self.end(f"a request of {n_bytes} bytes, allowed are {_LARGEST_REQUEST}")
        data: bytes = self.stream.read(n_bytes + len(self.FLUSHER))[: -len(self.FLUSHER)]
        if not is_compressed:
            return data
        decompress = zlib.decompressobj()
        try:
            data = decompress.decompress(data, _LARGEST_REQUEST)
        except zlib.error as error:
            self.end(f"a request that is not compressed as it says: {error}")
        if not decompress.eof:
            self.end(f"a request of more than {_LARGEST_REQUEST} bytes")
        return data

    def end(self, reason: str) -> NoReturn:
        """Disconnect, and raise what RPyC takes for the client's end."""
        log.warning("disconnected a client: %s", reason)
        self.close()  # first, or RPyC would send a farewell and wait for the answer
        raise EOFError(reason)


class _FunctionConnection(Connection):  # type: ignore[misc]  # RPyC has no types
    """A connection whose client may call the functions of a `Functions`."""

    @classmethod
    def _request_handlers(cls) -> dict[int, Callable[..., Any]]:
        every = {number for name, number in vars(consts).items() if name.startswith("HANDLE_")}
        return dict.fromkeys(every, cls._refuse) | {
            consts.HANDLE_PING: cls._handle_ping,
            consts.HANDLE_CLOSE: cls._handle_close,
            consts.HANDLE_GETROOT: cls._handle_getroot,
            consts.HANDLE_INSPECT: cls._inspect,
            consts.HANDLE_GETATTR: cls._function,
            consts.HANDLE_CALL: cls._call,
            consts.HANDLE_CALLATTR: cls._call_by_name,
            consts.HANDLE_DEL: cls._handle_del,
        }

    def _dispatch(self, data: bytes) -> None:
        try:
            super()._dispatch(data)
        except _MALFORMED as error:  # of the message; what a function raises is sent to the client
            self._channel.end(f"no message of RPyC: {error!r}")

    def _refuse(self, *request: Any) -> Any:
        del request
        names = ", ".join(sorted(self._local_root.functions))
        raise AttributeError(f"RPyC calls {names} here, and does nothing else")

    def _inspect(self, id_pack: Any) -> tuple[()]:
        """Return the methods by which a client describes an object: none."""
        del id_pack
        return ()

    def _function(self, owner: Any, name: Any) -> Callable[..., Any]:
        functions = self._local_root.functions
        if owner is not self._local_root or type(name) is not str:
            self._refuse()
        name = name.removeprefix("exposed_")
        if name.startswith("append_"):
            raise AttributeError(
                f"{name}: RPyC only reads; append in the process that has the StreamService"
            )
        if name not in functions:
            raise AttributeError(f"{name}: RPyC calls {', '.join(sorted(functions))} only")
        return functions[name]  # type: ignore[no-any-return]  # RPyC has no types

    def _call(self, function: Any, arguments: Any, named: Any = ()) -> Any:
        if not any(function is own for own in self._local_root.functions.values()):
            self._refuse()
        if type(arguments) is not tuple or type(named) is not tuple:
            raise TypeError("arguments must be tuples")
        return by_value(function(*arguments, **dict(named)))

    def _call_by_name(self, owner: Any, name: Any, arguments: Any, named: Any = ()) -> Any:
        return self._call(self._function(owner, name), arguments, named)
