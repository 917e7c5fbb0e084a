"""One HTTP/1.1 connection on which each request has a deadline as a whole.

A timeout of a socket counts for each `recv`: a server that sends a byte now and then would keep a
request going for ever. Here the time left is set before each of them.
"""

import http.client
import io
import socket
import time
from contextlib import suppress
from email.message import Message
from math import inf
from typing import Any, NamedTuple

from crepe.environment.bounded_call import call_within
from crepe.errors import DeviceError

LARGEST_ANSWER = 16 << 20  # bytes; the truth about a minute of simulated cells is far smaller
_TRY_S = 1.0  # for one address of several


class Unreachable(DeviceError):
    """No server listens there, so nothing of a request has arrived."""


class Answer(NamedTuple):
    """A whole answer of a server."""

    status: int
    content: bytes
    headers: Message


class Connection:
    """A connection to a server at a numeric address; it is opened again when it was lost.

    Nothing is sent twice. Methods raise Unreachable if no server accepts the connection, and
    DeviceError for an answer that is late, too long, or not HTTP.

    Parameters
    ----------
    host
        A numeric address, as `resolve` returns it: a name server may be silent.
    timeout_s
        Longest time for one request, with its connection and its answer.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._client = http.client.HTTPConnection(host, port)
        self._client.auto_open = 0  # it would connect without a deadline
        self._socket: socket.socket | None = None

    def request(self, verb: str, path: str, body: bytes | None, within_s: float = inf) -> Answer:
        """Return the answer. `within_s` may shorten the time limit."""
        timeout_s = min(self._timeout_s, within_s)
        deadline_s = time.monotonic() + timeout_s
        if self._socket is None or not _is_idle(self._socket):
            self.close()
            self._connect(deadline_s)
        assert self._socket is not None
        self._client.sock = _TimedSocket(self._socket, deadline_s)
        is_complete = False
        try:
            self._client.request(verb, path, body=body)
            response = self._client.getresponse()
            content = response.read(LARGEST_ANSWER)
            # What `read` has left: None for an answer whose length was not stated.
            if response.length or (response.length is None and response.read(1)):
                raise DeviceError(
                    f"the answer ends after {len(content)} bytes, or has more than {LARGEST_ANSWER}"
                )
            is_complete = not response.will_close
            return Answer(response.status, content, response.headers)
        except TimeoutError as error:
            raise DeviceError(f"no whole answer within {timeout_s:.3g} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeviceError(str(error) or repr(error)) from error
        finally:
            if not is_complete:
                self.close()

    def _connect(self, deadline_s: float) -> None:
        try:
            self._socket = _connected(*self._address, deadline_s)
        except OSError as error:
            raise Unreachable(str(error) or repr(error)) from error

    def close(self) -> None:
        """Disconnect; harmless to repeat."""
        self._client.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _TimedSocket:
    """What `http.client` needs of a socket, with a deadline."""

    def __init__(self, connected: socket.socket, deadline_s: float) -> None:
        self._socket = connected
        self._deadline_s = deadline_s

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(_left_s(self._deadline_s))
        self._socket.sendall(data)  # its timeout counts for all of the data

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode  # http.client only reads
        return io.BufferedReader(_Reader(self._socket, self._deadline_s))

    def close(self) -> None:
        pass  # `Connection` closes it: http.client would before the answer is read


class _Reader(io.RawIOBase):
    """The receiving side of a socket, with a deadline."""

    def __init__(self, connected: socket.socket, deadline_s: float) -> None:
        self._socket = connected
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left_s(self._deadline_s))
        return self._socket.recv_into(buffer)


def resolve(host: str, port: int, wait_s: float) -> str:
    """Return a numeric address of a host: the first that accepts a connection, else the first.

    Raises DeviceError if the name server does not answer within `wait_s`, or knows no such host.
    """
    host = host.strip("[]")  # as an IPv6 address is written in a URL
    if _is_numeric(host):
        return host
    deadline_s = time.monotonic() + wait_s
    try:
        # `getaddrinfo` has no timeout, and waits 10 s and more for a silent name server.
        entries = call_within(wait_s, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    except TimeoutError as error:
        raise DeviceError(
            f"{host}: no name server has answered within {wait_s:g} s; use the numeric address"
        ) from error
    except (OSError, UnicodeError) as error:
        raise DeviceError(f"{host}: {error}; use the numeric address") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    for address in addresses if len(addresses) > 1 else []:
        with suppress(OSError):
            _connected(address, port, min(deadline_s, time.monotonic() + _TRY_S)).close()
            return address
    return addresses[0]


def _is_numeric(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _connected(host: str, port: int, deadline_s: float) -> socket.socket:
    """Return a connected socket. Raises OSError."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV  # never a name: that has no timeout
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, 0, socket.SOCK_STREAM, 0, flags
    )[0]
    connected = socket.socket(family, kind, protocol)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(_left_s(deadline_s))
        connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected


def _is_idle(connected: socket.socket) -> bool:
    """Whether a connection that was used before is open, with nothing unread on it."""
    connected.setblocking(False)
    try:
        connected.recv(1, socket.MSG_PEEK)  # data that no request has led to, or the end
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("the time for the request is over")
    return left_s
