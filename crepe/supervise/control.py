"""Start, inspect and stop the programs of an experiment over supervisord's socket.

`supervisor.json` in the run directory names that socket, so a supervisord started by hand from any
supervisord.conf is found as well as one started by `up`.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from crepe.config.services import restarts
from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, CrepeError
from crepe.redis_server.main_server import FILE as MAIN_SERVER
from crepe.redis_server.server import running_server, stop_server
from crepe.supervise.conf import render
from crepe.supervise.supervisor import KILL_S, Status, Supervisor, reap
from crepe.supervise.unrecorded import START_S, StreamEnds, last_changes

_LOG_LINES = 15  # of a program that does not start
_TRIES = 2  # starts of a program after which `up` gives up
_FAILED = ("BACKOFF", "EXITED", "FATAL")
_SETTLED_S = 5.0
_POLL_S = 0.1  # a look takes 4 ms of CPU time, more than half of it supervisord's


def announce(var: Path, path: str) -> None:
    """Write where the supervisord of this process listens; called in supervisord itself."""
    content = {**ProcessIdentity.own()._asdict(), "socket": path}
    paths.write_json(paths.run_directory(var) / "supervisor.json", content)
    paths.announce(var)  # also where others run the Redis server: a stop must find what runs here


def running(var: Path | None = None) -> Supervisor | None:
    """Return the supervisord of `var`, or None if none answers."""
    var = var or paths.var_directory()
    if not var.is_dir():
        return None
    content = paths.read_json(paths.run_directory(var) / "supervisor.json")
    if content is None:
        return None
    supervisor = Supervisor(ProcessIdentity.read(content), content["socket"])
    return supervisor if supervisor.answers else None


def is_running(var: Path | None = None) -> bool:
    """Return whether a supervisord of `var` answers."""
    return running(var) is not None


def status(var: Path | None = None) -> list[Status]:
    """Return the state of all programs in order of start; empty if nothing runs."""
    supervisor = running(var)
    return supervisor.programs() if supervisor is not None else []


def must_be_down(var: Path | None = None) -> None:
    """Raise ConfigError if the programs of `var` run already."""
    var = var or paths.var_directory()
    supervisor = running(var)
    if supervisor is not None:
        raise ConfigError(
            f"{var}: programs run already (supervisord has {supervisor.process}); "
            "stop them with `crepe down`"
        )


def must_start(programs: Sequence[Status], var: Path | None = None) -> None:
    """Raise CrepeError for a program that has failed to start twice.

    One that fails after its imports has been RUNNING for a moment, so its starts count.
    """
    for program in programs:
        is_down = program.state in _FAILED
        if program.restarts + is_down >= _TRIES or (is_down and not restarts(program.name)):
            raise _does_not_run(program, var)


def must_run(var: Path | None = None) -> None:
    """Raise CrepeError if a program does not run any more, though supervisord has tried."""
    programs = status(var)
    for program in programs:
        # A program that fails soon after each start is RUNNING most of the time.
        is_down = program.state in _FAILED or program.uptime_s < _SETTLED_S
        is_gone = program.state in _FAILED and not restarts(program.name)
        if (is_down and program.restarts >= 3) or is_gone:
            raise _does_not_run(program, var)
    if not programs:
        now = session.current(var)
        if now is not None and now.ended_because:
            raise CrepeError(f"session {now.id} is over: {now.ended_because}")
        log = (var or paths.var_directory()) / "log" / "supervisord.log"
        begins = f"session {now.id}" if now is not None else ""
        raise CrepeError(f"supervisord is gone; the end of {log}:\n{_tail(log, begins=begins)}")


def up(
    programs: Sequence[tuple[str, int]],
    experiment: Path | None = None,
    *,
    session_is: Literal["new", "resume", ""] = "",
    foreground: bool = False,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 30.0,
) -> None:
    """Start the programs, given as (name, priority), and wait until all of them run.

    Parameters
    ----------
    experiment
        Its file; None for the default one.
    session_is
        `new`, or `resume` for the unfinished one; empty to resume if the file is the same.
    foreground
        Become supervisord instead of starting one; does not return.
    environment
        Variables for the programs on top of this process's environment.


    Raises
    ------
    ConfigError
        Programs run already, or there is nothing to resume.
    CrepeError
        A program does not start; the text has the end of its log. Everything is stopped again then.
    """
    var = paths.var_directory()
    must_be_down(var)
    if session_is == "resume" and session.find_unfinished(var) is None:
        raise ConfigError(f"{var}: the last session ended in good order, nothing to resume")
    clear(var)
    conf = paths.run_directory(var) / "supervisord.conf"
    conf.write_text(render(programs), encoding="ascii")
    variables = {**os.environ, **(environment or {}), "CREPE_VAR": str(var)}
    variables["CREPE_SESSION"] = session_is
    if experiment is not None:
        variables["CREPE_EXPERIMENT"] = str(experiment.absolute())
    # -P: `-m` would otherwise import from the working directory first.
    command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(conf)]
    if foreground:
        os.execve(sys.executable, command, variables)
    _start(command, variables, var, timeout_s)


class Stopped(NamedTuple):
    """The outcome of stopping all programs."""

    has_stopped: bool  # False: nothing ran
    unrecorded: str = ""  # what the recording lacks, as text for people


def down(
    timeout_s: float = 60.0,
    var: Path | None = None,
    left: Callable[[float], object] = bool,
) -> Stopped:
    """Stop all programs in order, and kill those that have not ended in time.

    A recorder that is just being restarted first gets time to start: stopped before it reads, it
    records nothing. The time counts anew while the recorder makes progress; `left` is called
    meanwhile with the seconds of data that it lacks. A session whose recording lacks something
    stays unfinished. Raises CrepeError if a program still runs then.
    """
    var = var or paths.var_directory()
    if not var.is_dir():
        return Stopped(has_stopped=False)
    supervisor = running(var)
    ends = StreamEnds(var)

    def progress() -> object:
        ends.look()
        left(ends.left_s)
        return last_changes(var)

    if supervisor is not None:
        _wait_for_recorders(supervisor, ends, progress)
        supervisor.shut_down(timeout_s, progress)
    # On macOS the Redis server outlives a supervisord that was killed (decision 1).
    was_orphan = running_server(var) is not None
    clear(var)
    if supervisor is None:
        return Stopped(was_orphan)
    return Stopped(True, ends.conclude())


def _wait_for_recorders(
    supervisor: Supervisor, ends: StreamEnds, progress: Callable[[], object]
) -> None:
    """Wait until no recorder is being restarted, unless it fails at its next start, too."""
    deadline = time.monotonic() + START_S
    progress()
    n_first = None
    while recorders := ends.awaiting(supervisor.programs()):
        n_restarts = sum(recorder.restarts for recorder in recorders)
        n_first = n_restarts if n_first is None else n_first
        if n_restarts > n_first + 1 or time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)
        progress()


def clear(var: Path) -> None:
    """Remove what a supervisord that was killed left behind; nothing may run in `var`."""
    stop_server(var)
    run = paths.run_directory(var)
    files = ("supervisor.json", "redis.json", MAIN_SERVER, ".supervisord.pid", ".supervisord.sock")
    for name in files:
        (run / name).unlink(missing_ok=True)


def _start(command: list[str], variables: Mapping[str, str], var: Path, timeout_s: float) -> None:
    output = paths.private(var / "log") / "supervisord.out"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    pid = os.posix_spawn(
        command[0],
        [*command, "--silent"],
        variables,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,  # a Ctrl-C in this terminal is not for supervisord
    )
    try:
        _wait_running(pid, output, var, timeout_s)
    except BaseException:  # Ctrl-C, too, leaves no process behind
        child = ProcessIdentity.of(pid)  # not waited for yet, so that the pid is still its own
        try:
            down(var=var)
        finally:
            if child is not None:
                child.kill()
            reap(pid, KILL_S)
        raise


def _wait_running(pid: int, output: Path, var: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        programs = status(var)
        if programs and all(program.state == "RUNNING" for program in programs):
            return
        is_late = time.monotonic() > deadline
        if ProcessIdentity.of(pid) is None or (is_late and not programs):
            raise CrepeError(f"supervisord: does not run; it printed\n{_tail(output)}")
        must_start(programs, var)
        for program in programs:
            if is_late and program.state != "RUNNING":
                raise _does_not_run(program, var)
        time.sleep(_POLL_S)


def _does_not_run(program: Status, var: Path | None) -> CrepeError:
    path = (var or paths.var_directory()) / "log" / f"{program.name}.log"
    n = program.restarts + 1
    # A program that fails at each start says the same each time: the last is enough.
    lines = list(dict.fromkeys(reversed(_tail(path, program.log_start).splitlines())))
    tail = "\n".join(reversed(lines))
    return CrepeError(
        f"program {program.name}: {program.state} after {n} start{'s' if n > 1 else ''}, must stay "
        f"RUNNING; the end of {path}:\n{tail}"
    )


def _tail(path: Path, start: int = 0, begins: str = "") -> str:
    """Return the last lines of a log from a byte on, or from the first line that holds `begins`.

    What is before belongs to earlier sessions. A log that is shorter has been rotated since.
    """
    content = path.read_bytes() if path.is_file() else b""
    text = content[start if start <= len(content) else 0 :].decode(errors="replace")
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if begins in line), 0)
    return "\n".join(f"    {line}" for line in lines[first:][-_LOG_LINES:]) or "    (nothing)"
