"""The identity of a process, so that it is never mistaken for another with its pid.

A pid alone proves nothing. It is reused once its process has ended, and in another pid namespace,
such as that of a container that shares var/, it belongs to another process from the start. So with
every pid CREPE records when the process started, its command line, and the namespace in which the
pid counts. A signal is sent only to a process that all of these still fit.
"""

# Decision 42: why a pid is not enough.

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

_COMMAND_LENGTH = 1000  # characters that are kept of a command line; a script in it can be long
_PS = "ps -ww -o pid= -o state= -o lstart= -o command= -p"


class ProcessIdentity(NamedTuple):
    """A process and what proves that a pid is still its own."""

    pid: int  # 0 for no process
    start: str = ""  # clock ticks since boot; elsewhere than on Linux the time that `ps` gives
    command: str = ""  # in printable ASCII
    namespace: str = ""  # of the pid; empty where the system has only one

    @classmethod
    def own(cls) -> "ProcessIdentity":
        """Return the identity of this process."""
        pid = os.getpid()
        return cls.of(pid) or cls(pid)

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """Return the identity of the process with a pid; None if there is none, or it has ended."""
        return identify([pid]).get(pid)

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "ProcessIdentity":
        """Return the identity among the fields of a run file; a missing field proves nothing."""
        texts = (str(content.get(field, "")) for field in cls._fields[1:])
        return cls(int(content.get("pid", 0)), *texts)

    @property
    def key(self) -> str:
        """A short name that no other process has in the same namespace until the next boot."""
        return f"{self.pid}:{self.start}"

    @property
    def is_visible(self) -> bool:
        """True if this process can see that one: only then does the pid identify it."""
        return bool(self.start) and self.namespace == _namespace()

    @property
    def is_running(self) -> bool:
        """True if the process is proven to run."""
        return self.is_visible and self.of(self.pid) == self

    @property
    def is_gone(self) -> bool:
        """True if the process is proven to have ended; one that cannot be seen may run."""
        if not self.is_visible:
            return False
        current = self.of(self.pid)  # its command may be another since, after an exec
        return current is None or current.start != self.start

    def kill(self) -> None:
        """Send SIGKILL to it and to the process group that it leads, if it is proven to run.

        Where signals to it are not permitted nothing happens; `is_gone` then stays False.
        """
        if self.pid <= 1:
            return  # kill(0), kill(-1) and, by killpg(1), kill(-1) again go to many
        with _handle(self.pid) as handle, suppress(ProcessLookupError, PermissionError):
            if not self.is_running:
                return
            if os.getpgid(self.pid) == self.pid:  # a group's number is its leader's while it lives
                os.killpg(self.pid, signal.SIGKILL)
            elif handle is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(handle, signal.SIGKILL)

    def __str__(self) -> str:
        if self.start and not self.is_visible:
            return f"pid {self.pid} in another pid namespace"
        return f"pid {self.pid}"


def identify(pids: Iterable[int]) -> dict[int, ProcessIdentity]:
    """Return the identities of the processes with these pids that have not ended, by pid."""
    namespace = _namespace()
    if namespace is None:
        return {pid: ProcessIdentity(pid) for pid in pids}  # whether they run cannot be seen
    processes = _from_proc(pids) if sys.platform == "linux" else _from_ps(pids)
    return {
        pid: ProcessIdentity(pid, start, _printable(command), namespace)
        for pid, start, command in processes
    }


def command_line(arguments: Sequence[str]) -> str:
    """Return the command of a process that is about to exec with these arguments."""
    return _printable(" ".join(arguments))


def _printable(command: str) -> str:
    return command.encode("unicode_escape").decode("ascii")[:_COMMAND_LENGTH]


def _namespace() -> str | None:
    """Return the namespace of this process's pids.

    None if the system does not report it, or /proc is that of another namespace, in which the same
    numbers are other processes.
    """
    if sys.platform != "linux":
        return ""
    try:
        is_ours = os.readlink("/proc/self") == str(os.getpid())
        return os.readlink("/proc/self/ns/pid") if is_ours else None
    except OSError:
        return None


def _from_proc(pids: Iterable[int]) -> Iterator[tuple[int, str, str]]:
    """Yield pid, start and command of each process that has not ended, from /proc of Linux."""
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
            arguments = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
        except OSError:
            continue
        state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
        if state not in ("Z", "X"):  # a zombie has ended, and waits for its parent to notice
            # Field 22 of proc(5), starttime; `fields` begins with field 4.
            yield pid, fields[18], " ".join(arguments[:-1])


def _from_ps(pids: Iterable[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the same by one call of `ps`: macOS has no other way without a dependency."""
    numbers = ",".join(str(pid) for pid in pids if pid > 0)
    if not numbers:
        return
    lines = subprocess.run(
        [*_PS.split(), numbers],
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},  # the same time in every environment
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    ).stdout.splitlines()
    for line in lines:
        pid, state, *rest = line.split(maxsplit=7)
        if not state.startswith("Z"):
            yield int(pid), " ".join(rest[:5]), "".join(rest[5:])  # lstart is five words


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """Open a pidfd, which stays with one process; None where the system has none."""
    handle = None
    if sys.platform == "linux":
        with suppress(OSError):  # before Linux 5.3
            handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)
