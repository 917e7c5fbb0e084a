"""The sockets of Open Ephys' ZMQ interface, drained by a thread of their own."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from crepe.errors import DeviceError
from crepe.hw.openephys.wire import Data, Other, Ttl, pack_heartbeat, unpack
from crepe.hw.optional_package import import_optional

log = logging.getLogger(__name__)

_QUEUED_MESSAGES = 200_000  # ZeroMQ's default of 1000 is half a second of 60 channels
_POLL_MS = 50
_HEARTBEAT_S = 2.0  # the editor calls a client gone after 5 s
_MESSAGES_AT_ONCE = 1000  # between two looks at the clock

Take = Callable[[Data | Ttl | Other], None]


class Subscription:
    """A connection to the plugin: data and events come in, heartbeats go out.

    Parameters
    ----------
    host, port
        Of the data; heartbeats go to the next port.
    take
        Called with each message, on the thread; a DeviceError that it raises ends the thread.
    """

    def __init__(self, host: str, port: int, take: Take) -> None:
        self._zmq = import_optional("zmq", "pyzmq", "openephys")
        self._take = take
        self._beats = f"tcp://{host}:{port + 1}"
        self._heartbeat = pack_heartbeat("CREPE", str(uuid.uuid4()))
        self._context = self._zmq.Context()
        self._data = self._context.socket(self._zmq.SUB)
        self._data.setsockopt(self._zmq.RCVHWM, _QUEUED_MESSAGES)
        self._data.setsockopt(self._zmq.LINGER, 0)
        self._data.setsockopt(self._zmq.SUBSCRIBE, b"")
        self._data.connect(f"tcp://{host}:{port}")
        self._is_closed = False
        self.error: DeviceError | None = None
        """Why the thread ended; None while it runs."""
        self._thread = threading.Thread(target=self._run, name="open ephys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Disconnect; harmless to repeat."""
        self._is_closed = True
        self._thread.join()
        self._context.destroy(linger=0)

    def _run(self) -> None:
        listen, sent_s, is_answered = self._request_socket(), -_HEARTBEAT_S, True
        try:
            while not self._is_closed:
                now_s = time.monotonic()
                if now_s - sent_s >= _HEARTBEAT_S:
                    if not is_answered:  # a request socket without its reply sends no more
                        listen.close()
                        listen = self._request_socket()
                    listen.send(self._heartbeat)
                    sent_s, is_answered = now_s, False
                if self._data.poll(_POLL_MS):
                    self._drain()
                if not is_answered and listen.poll(0):
                    listen.recv()
                    is_answered = True
        except DeviceError as error:
            self.error = error
        except self._zmq.ZMQError as error:
            self.error = DeviceError(f"ZeroMQ: {error}")
        finally:
            listen.close()

    def _drain(self) -> None:
        for _ in range(_MESSAGES_AT_ONCE):
            try:
                parts = self._data.recv_multipart(self._zmq.NOBLOCK)
            except self._zmq.Again:
                return
            self._take(unpack(parts))

    def _request_socket(self) -> Any:
        listen = self._context.socket(self._zmq.REQ)
        listen.setsockopt(self._zmq.LINGER, 0)
        listen.connect(self._beats)
        return listen
