"""The program `rhx`: requests over a unix socket to the one connection to RHX.

RHX forgets its command client only by an operator's click, so the connection lives in a program
that does nothing else. A request is a line of JSON, and so is its answer; samples follow that of
`begin`.
"""

# Decision 73: why a program of its own.

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from crepe.errors import DeviceError
from crepe.hw.rhx.client import SERVICE_SOCKET, ServiceClient, ServiceDeadError
from crepe.hw.rhx.controller import close_all
from crepe.hw.rhx.session import RhxSession

log = logging.getLogger(__name__)

_LONGEST = 1 << 16  # characters of a request
_ACCEPT_S = 0.2
_POLL_S = 1.0  # between looks at the run mode
_WATCH_S = 2.0  # in which a program that runs has answered
_CONNECT_S = 0.5  # between attempts to connect


class RhxService:
    """The server of one run directory: a thread for each client, one that polls RHX."""

    def __init__(self, session: RhxSession, run_directory: Path) -> None:
        self._session = session
        self._is_ending = threading.Event()
        self._clients: set[socket.socket] = set()
        self._path = run_directory / SERVICE_SOCKET
        # A killed service leaves its socket behind, and `bind` refuses a path that exists.
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self._path))
        self._socket.listen(16)
        self._socket.settimeout(_ACCEPT_S)

    def run(self) -> None:
        """Serve until `end`; then stop what this program has started."""
        threading.Thread(target=self._poll, name="polls RHX", daemon=True).start()
        try:
            while not self._is_ending.is_set():
                with suppress(TimeoutError):
                    client, _ = self._socket.accept()
                    self._clients.add(client)
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        finally:
            self._path.unlink(missing_ok=True)
            self._socket.close()
            self._session.end()
            close_all(tuple(self._clients))

    def end(self) -> None:
        """End `run`; may be called on any thread."""
        self._is_ending.set()

    def _poll(self) -> None:
        while not self._is_ending.is_set():
            self._session.poll()
            self._is_ending.wait(_POLL_S if self._session.is_connected else _CONNECT_S)

    def _serve(self, client: socket.socket) -> None:
        is_handed_over = False

        def reply(answer: dict[str, Any]) -> None:
            client.sendall(json.dumps(answer).encode() + b"\n")

        try:
            with client.makefile("rb") as lines:
                while not is_handed_over and (line := lines.readline(_LONGEST)):
                    is_handed_over = self._answer(json.loads(line), client, reply)
        except (
            OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError,
        ) as error:  # fmt: skip
            log.warning("a request could not be answered: %r", error)
        finally:
            self._clients.discard(client)
            if not is_handed_over:
                client.close()

    def _answer(
        self, fields: dict[str, Any], client: socket.socket, reply: Callable[[dict[str, Any]], None]
    ) -> bool:
        """Answer a request; return whether the connection is the samples' from now on."""
        request, session = fields.pop("request"), self._session
        try:
            match request:
                case "begin":
                    session.begin(client, reply, **fields)
                    return True
                case "watch":
                    reply(session.watch(may_arm=bool(fields["may_arm"])))
                case "trigger":
                    reply(session.trigger(**fields))
                case "halt":
                    reply(session.halt())
                case "stop":
                    reply(session.stop())
                case _:
                    reply({"error": f"request {request!r}: unknown"})
        except DeviceError as error:
            reply({"error": str(error)})
        return False


@contextmanager
def serving(session: RhxSession, run_directory: Path) -> Iterator[RhxService]:
    """Run the service on a thread while the block lasts."""
    service = RhxService(session, run_directory)
    thread = threading.Thread(target=service.run, name="serves RHX", daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.end()
        thread.join()


@contextmanager
def serving_alone(location: str, run_directory: Path) -> Iterator[None]:
    """Record from RHX without a session while the block lasts; it loads no patterns.

    Raises DeviceError while the program `rhx` of this run directory has the connection.
    """
    if _is_served(run_directory):
        raise DeviceError(
            f"rhx://{location}: a session has the only connection that RHX takes; `crepe down` "
            "ends it"
        )
    with serving(RhxSession(location, run_directory), run_directory):
        yield


def _is_served(run_directory: Path) -> bool:
    client = ServiceClient(run_directory / SERVICE_SOCKET)
    try:
        client.call("watch", _WATCH_S, may_arm=False)
    except ServiceDeadError:
        return False
    finally:
        client.close()
    return True


def wait_connected(session: RhxSession, wait_s: float) -> None:
    """Wait until RHX is connected, for `wait_s` at most."""
    deadline_s = time.monotonic() + wait_s
    while not session.is_connected and time.monotonic() < deadline_s:
        time.sleep(_ACCEPT_S / 10)
