"""The command connection to RHX: one `get` at a time, every `set` read back.

RHX accepts one client, after an operator's click, and none after it: a connection that is lost
here is lost until the next click. So a reply that is late ends it.
"""

import socket
import time
from collections.abc import Callable

from crepe.errors import DeviceError
from crepe.hw.meame.connection import resolve
from crepe.hw.rhx.commands import Reply, Value, command, is_same, text_of

REPLY_S = 2.0  # RHX answers within 15 ms, 0.3 s with a stalled reader
_CONNECT_S = 2.0
_RESOLVE_S = 2.0
_QUIET_S = 0.02  # a reply has no terminator: after so long a silence it is over
_FOR_VALUE_S = 0.1  # for the rest of a reply that came in parts
_RECEIVE_BYTES = 1 << 16
CLICK = (
    "click Network > Remote TCP Control > Connect in RHX: it takes one client, and forgets it by "
    "that click only"
)


class PortClosedError(DeviceError):
    """RHX does not listen: an operator must click."""


class CommandPort:
    """The command connection; opening it has RHX prove that it is one.

    Raises PortClosedError where nothing listens, and DeviceError for another program.
    """

    def __init__(self, host: str, port: int) -> None:
        self.name = f"RHX {host}:{port}"
        address = resolve(host, port, _RESOLVE_S)
        try:
            self._socket = socket.create_connection((address, port), _CONNECT_S)
        except OSError as error:
            raise PortClosedError(f"{self.name}: {error}; {CLICK}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = address
        try:
            self.type = self.get("type")
        except DeviceError:
            self.close()
            raise
        if not self.type.startswith("Controller"):
            self.close()
            raise DeviceError(f"{self.name}: type {self.type!r}, must be a Controller...")

    def get(self, parameter: str, *, accepts: Callable[[str], bool] = lambda _: False) -> str:
        """Return the value of a parameter.

        Parameters
        ----------
        accepts
            Returns whether a value is complete, which spares the wait for the end of a reply.

        Raises
        ------
        DeviceError
            RHX has refused something, or does not answer; the connection is closed then.
        """
        unexpected = self._receive_waiting()
        if unexpected:
            raise DeviceError(f"{self.name}: reported {_short(unexpected)!r}")
        self._send(command("get", parameter))
        reply = Reply(parameter, self._receive(parameter, accepts))
        if reply.errors or reply.value is None:
            raise DeviceError(f"{self.name}: {parameter}: {_short(reply.errors)}")
        return reply.value.strip()

    def set(self, parameter: str, value: Value) -> None:
        """Set a parameter, and read it back. Raises DeviceError if it is not as it was set."""
        self._send(command("set", parameter, text_of(value)))
        actual = self.get(parameter, accepts=lambda text: is_same(text, value))
        if not is_same(actual, value):
            raise DeviceError(
                f"{self.name}: {parameter} reads {actual!r}, must be {text_of(value)!r}"
            )

    def execute(self, *action: str) -> None:
        """Send an action; what it answers, if it fails, is raised by the next `get`."""
        self._send(command("execute", *action))

    def set_unread(self, parameter: str, value: str) -> None:
        """Set a parameter whose effect the caller reads by polling: the run mode."""
        self._send(command("set", parameter, value))

    def drop_reports(self) -> str:
        """Return and forget what RHX has reported without being asked."""
        return self._receive_waiting()

    def close(self) -> None:
        """Disconnect; harmless to repeat. RHX's port is closed from then on."""
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(REPLY_S)
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost(str(error)) from error

    def _receive(self, parameter: str, accepts: Callable[[str], bool]) -> str:
        text, deadline_s = "", time.monotonic() + REPLY_S
        complete_s = deadline_s  # when a value that has come counts as complete
        while True:
            now_s = time.monotonic()
            reply = Reply(parameter, text) if text else None
            if reply and reply.value is not None:
                if accepts(reply.value.strip()) or now_s >= complete_s:
                    return text
            elif reply and now_s >= complete_s:
                return text  # an error, without a value
            elif now_s >= deadline_s:
                raise self._lost(f"no answer to `get {parameter}` within {REPLY_S:g} s")
            part = self._receive_part(max(0.001, min(complete_s, deadline_s) - now_s))
            if part:
                text += part
                wait_s = _FOR_VALUE_S if "Return: " not in text else _QUIET_S
                complete_s = min(deadline_s, time.monotonic() + wait_s)

    def _receive_part(self, wait_s: float) -> str:
        try:
            self._socket.settimeout(wait_s)
            data = self._socket.recv(_RECEIVE_BYTES)
        except (TimeoutError, BlockingIOError):
            return ""
        except OSError as error:
            raise self._lost(str(error)) from error
        if not data:
            raise self._lost("closed by RHX")
        return data.decode("latin-1")

    def _receive_waiting(self) -> str:
        text = ""
        while part := self._receive_part(0):
            text += part
        return text

    def _lost(self, reason: str) -> DeviceError:
        self.close()
        return ConnectionLostError(f"{self.name}: command connection lost: {reason}")


class ConnectionLostError(DeviceError):
    """The command connection is lost: the instrument may still run and stimulate."""


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:160]}... ({len(text)} characters)"
