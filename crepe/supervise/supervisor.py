"""A running supervisord: its programs, and its orderly end."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple
from xmlrpc.client import Fault, ServerProxy

from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import CrepeError

_POLL_S = 0.05
KILL_S = 5.0  # in which a process that was killed must have ended


class Status(NamedTuple):
    """The state of one program under supervisord."""

    name: str
    state: str  # RUNNING, STARTING, BACKOFF, STOPPING, EXITED, FATAL or STOPPED
    process: ProcessIdentity  # with pid 0 when it does not run
    uptime_s: float
    restarts: int
    log_start: int = 0  # size of its log in bytes at its last start that wrote anything

    @property
    def pid(self) -> int:
        """The pid of its process; 0 when it does not run."""
        return self.process.pid

    @classmethod
    def read(cls, program: Mapping[str, Any]) -> "Status":
        """Return the state that supervisord reports; one of an older version knows no logs."""
        return cls(
            program["name"],
            program["state"],
            ProcessIdentity.read(program),
            program["uptime_s"],
            program["restarts"],
            program.get("log_start", 0),
        )


class Supervisor(NamedTuple):
    """A supervisord that has announced itself."""

    process: ProcessIdentity
    socket: str

    @property
    def answers(self) -> bool:
        """True if supervisord accepts connections, also from another pid namespace."""
        try:
            with socket.socket(socket.AF_UNIX) as trial:
                trial.connect(self.socket)
            return True
        except OSError:
            return False

    def programs(self) -> list[Status]:
        """Return the state of all programs in order of start; empty if supervisord has ended."""
        with contextlib.suppress(OSError, HTTPException), self._talk() as server:
            return [Status.read(program) for program in server.crepe.programs()]
        return []

    @property
    def is_stopping(self) -> bool:
        """True while supervisord stops all programs, or once it has ended."""
        with contextlib.suppress(OSError, HTTPException, Fault), self._talk() as server:
            return bool(server.supervisor.getState()["statename"] != "RUNNING")
        return True

    def shut_down(self, timeout_s: float, progress: Callable[[], object] = bool) -> None:
        """Stop all programs in order, then supervisord; kill those that have not ended in time.

        The time counts anew whenever the value of `progress` changes.

        Raises CrepeError if a process still runs then. A process of another pid namespace is not
        killed: it has ended when supervisord, which waits for its programs, no longer answers.
        """
        visible: dict[int, ProcessIdentity] = {}  # by pid, as they were last

        def has_ended() -> bool:
            # The request makes supervisord notice ended programs at once. By itself it takes a
            # second for each program that it stops.
            processes = [self.process, *(program.process for program in self.programs())]
            visible.update({process.pid: process for process in processes if process.is_visible})
            return not self.answers and not _left(visible.values())

        has_ended()  # now, since a killed supervisord no longer reports its programs
        with contextlib.suppress(OSError, HTTPException, Fault), self._talk() as server:
            server.supervisor.shutdown()
        if not _wait(has_ended, timeout_s, progress):
            for process in visible.values():
                process.kill()
            if not _wait(has_ended, KILL_S):
                raise self._still_runs(_left(visible.values()))
        if self.process.is_gone:
            reap(self.process.pid, 0.0)

    def _still_runs(self, left: list[ProcessIdentity]) -> CrepeError:
        if not self.process.is_visible:
            return CrepeError(
                f"supervisord ({self.process}) and its programs still run, and cannot be seen or "
                "killed from here; run `crepe down` where they run, or stop their container"
            )
        names = ", ".join(f"{process} ({process.command})" for process in left or [self.process])
        return CrepeError(f"still running, and cannot be killed: {names}; stop it by hand")

    @contextlib.contextmanager
    def _talk(self) -> Iterator[Any]:
        from supervisor.xmlrpc import SupervisorTransport  # not installed on Windows

        transport = SupervisorTransport(serverurl=f"unix://{self.socket}")
        try:
            yield ServerProxy("http://localhost", transport=transport)
        finally:
            transport.close()


def reap(pid: int, timeout_s: float) -> None:
    """Take the exit status of an ended process if it is a child, which stays a zombie otherwise."""
    with contextlib.suppress(ChildProcessError):
        _wait(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, timeout_s)


def _left(processes: Iterable[ProcessIdentity]) -> list[ProcessIdentity]:
    return [process for process in processes if not process.is_gone]


def _wait(
    is_so: Callable[[], bool], timeout_s: float, progress: Callable[[], object] = bool
) -> bool:
    deadline, last = time.monotonic() + timeout_s, progress()
    while not (is_it := is_so()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        if (now := progress()) != last:
            deadline, last = time.monotonic() + timeout_s, now
    return is_it
