"""The lease of an instrument: one experiment of this machine drives it, in whatever directory.

The lock and the arming are files of one run directory, so two experiments would not see each
other's. The lease goes by the instrument's address. It does not cover another machine, nor a
container with a network of its own; there the read-back before each trigger is what remains.
"""

# Decision 51: why a socket without a file.

import errno
import hashlib
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

from crepe.environment import paths
from crepe.environment.file_lock import lock
from crepe.errors import DeviceError

_THIS_MACHINE = "this machine"
_PREFIX = "crepe-instrument/"


class InstrumentLease:
    """The lease of one address, held until `release` or the end of this process."""

    def __init__(self, host: str, port: int) -> None:
        """Take the lease. Raises DeviceError if another process has it.

        Parameters
        ----------
        host
            Numeric address. All addresses of this machine count as one.
        """
        self._name = _name(host, port)
        take = _socket_lease if sys.platform == "linux" else _file_lease
        self._give_back = take(_PREFIX + self._name, f"{host}:{port}")

    def is_of(self, host: str, port: int) -> bool:
        """Return whether it is the lease of this address."""
        return self._name == _name(host, port)

    def release(self) -> None:
        """Let another experiment have the instrument; harmless to repeat."""
        self._give_back()


def holder(host: str, port: int) -> str:
    """Return the process that has the lease of a numeric address; empty if none is seen.

    Only Linux shows leases of other users.
    """
    return _holder(_PREFIX + _name(host, port)) if sys.platform == "linux" else ""


def _name(host: str, port: int) -> str:
    return f"{_THIS_MACHINE if _is_own(host) else host}:{port}"


def _is_own(host: str) -> bool:
    """Whether a numeric address is one of this machine: only those can be bound.

    False for the path of a socket, whose program has the instrument's only connection.
    """
    if host.startswith("/"):
        return False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
        trial.bind((host, 0))
        return True
    return False


def _socket_lease(name: str, instrument: str) -> Callable[[], None]:
    """Take a name of Linux's abstract sockets: of all users, and free when its process ends."""
    lease = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lease.bind(f"\0{name}")
        lease.listen(8)  # `_holder` connects to it
    except OSError as error:
        lease.close()
        if error.errno != errno.EADDRINUSE:
            raise DeviceError(f"instrument {instrument}: no lease: {error}") from error
        raise DeviceError(_taken(instrument, _holder(name) or "another process")) from error
    return lease.close


def _holder(name: str) -> str:
    """Return the process that has a lease, as text; empty if none has it."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(f"\0{name}")
        except ConnectionRefusedError:
            return ""
        size = struct.calcsize("3i")
        peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, uid, _ = struct.unpack("3i", peer)
        return f"process {pid} of user {uid}"
    return "another process"


def _file_lease(name: str, instrument: str) -> Callable[[], None]:
    """Lock a file in the user's temporary directory, where there are no abstract sockets."""
    directory = paths.private(paths.temporary() / "instruments")
    path = directory / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.lock"
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb")
    try:
        lock(file.fileno())
    except BlockingIOError as error:
        file.close()
        raise DeviceError(_taken(instrument, "another process of yours")) from error
    except OSError as error:
        file.close()
        raise DeviceError(f"instrument {instrument}: no lease: {error.strerror}") from error
    return file.close


def _taken(instrument: str, holder: str) -> str:
    return (
        f"instrument {instrument}: {holder} stimulates with it; one experiment at a time may, "
        "end that one first"
    )
