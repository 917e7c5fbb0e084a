"""Orders to a running watchdog and stimulator over their sockets: latch, release, report.

They need no disk: an emergency stop holds on a full, a read-only and a dead one, as long as the
stimulator or its watchdog lives.
"""

import secrets
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crepe.safety.protocol.datagrams import LARGEST, Order, State, pack, unpack

STIMULATOR_SOCKET = "stimulator.sock"
WATCHDOG_SOCKET = "watchdog.sock"
_ANSWER_S = 0.3
_UCRED = struct.Struct("3i")  # pid, uid and gid of a sender: unix(7)


def latch_in_memory(run_directory: Path, by: str) -> State | None:
    """Close the latch that watchdog and stimulator keep; return the watchdog's state.

    None if no watchdog answers: then nothing is stimulated, or the watchdog hangs.
    """
    return _send(run_directory, Order(by=by or "?"))


def release_in_memory(run_directory: Path) -> State | None:
    """Release the latch that watchdog and stimulator keep; return the watchdog's state."""
    return _send(run_directory, Order(releases=True))


def watchdog_state(run_directory: Path) -> State | None:
    """Return the watchdog's latch and instrument; None if no watchdog answers."""
    return _send(run_directory, Order())


def _send(run_directory: Path, order: Order) -> State | None:
    data = pack(order)
    with suppress(OSError), _answerable() as connected:
        connected.setblocking(False)  # a full queue is that of a program that hangs
        with suppress(OSError):  # no stimulator; the watchdog sends its latch to the next one
            connected.sendto(data, str(run_directory / STIMULATOR_SOCKET))
        connected.sendto(data, str(run_directory / WATCHDOG_SOCKET))
        deadline_s = time.monotonic() + _ANSWER_S
        while (left_s := deadline_s - time.monotonic()) > 0:
            connected.settimeout(left_s)
            data, credentials, _, _ = connected.recvmsg(LARGEST, socket.CMSG_SPACE(_UCRED.size))
            state = unpack(data)
            if isinstance(state, State) and _is_of_owner(credentials, run_directory):
                return state
    return None


def _is_of_owner(credentials: Iterable[tuple[int, int, bytes]], run_directory: Path) -> bool:
    """Return whether the kernel names the run directory's owner as the sender.

    Every user can send to an address that is no file, and a forged answer could hide an arming.
    """
    if sys.platform != "linux":
        return True  # its address is a file that others may not write to
    owner = run_directory.stat().st_uid
    return any(_UCRED.unpack(data)[1] == owner for _, _, data in credentials)


@contextmanager
def _answerable() -> Iterator[socket.socket]:
    """Open a socket with an address of its own, to which an answer can be sent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        if sys.platform == "linux":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            bound.bind("")  # the kernel chooses an address that is no file
            yield bound
            return
        path = Path(tempfile.gettempdir()) / f"crepe-{secrets.token_hex(6)}.sock"
        with suppress(OSError):  # unbound it can send all the same, and gets no answer
            bound.bind(str(path))
        try:
            yield bound
        finally:
            path.unlink(missing_ok=True)
