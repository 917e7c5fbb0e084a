"""The extension of supervisord: prepares directories, logs and session before programs start.

supervisord calls `make` once it has read its file and opened its socket, and offers the public
methods of what it returns over XML-RPC as `crepe.<method>`. So supervisord.conf needs no paths,
which supervisord would refuse where the directories do not exist yet.
"""

import atexit
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from supervisor import events, loggers
from supervisor.states import SupervisorStates, getProcessStateDescription

from crepe.config.disk_space import check_room, disk_message, reserve_bytes
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.machines import MAIN
from crepe.config.wiring import OUTSIDE
from crepe.environment import paths, session
from crepe.environment.process import SUPERVISOR
from crepe.environment.process_identity import ProcessIdentity, identify
from crepe.errors import ConfigError, CrepeError, StoreError, StoreUnavailableError
from crepe.redis_server.check import must_fit
from crepe.redis_server.choice import choose
from crepe.redis_server.server import forget_server
from crepe.store.lease import Holder, Lease
from crepe.store.redis_store import RedisStore
from crepe.supervise import control
from crepe.supervise.append_only import AppendOnlyLimit
from crepe.supervise.machines.join import join
from crepe.supervise.safe_logs import make_logs_safe
from crepe.supervise.session_end import SessionEnd

_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s\n"
_LOG_BYTES = 10_000_000
_LOG_BACKUPS = 4
_PATIENCE_S = 10.0  # with a server that others run
_LEAVE_S = 1.0  # the same at the end, when only the lease is to be released


def make(supervisord: Any) -> "Extension":
    """Return the extension; supervisord.conf names this factory. CrepeError ends supervisord."""
    chosen = os.environ.get("CREPE_VAR")
    conf_directory = Path(supervisord.options.here)
    var = Path(chosen).expanduser().absolute() if chosen else conf_directory / "var"
    try:
        return Extension(supervisord, var)
    except CrepeError as error:
        print(f"crepe: {error}", file=sys.stderr)  # supervisord logs only that it failed
        sys.tracebacklimit = 0  # the text needs no traceback in the log
        raise


class Extension:
    """Subscriber to supervisord's events; its public methods are the XML-RPC interface `crepe`."""

    def __init__(self, supervisord: Any, var: Path) -> None:
        self._supervisord = supervisord
        self._var = var
        self._log = var / "log"
        self._starts: Counter[str] = Counter()
        self._log_starts: dict[str, list[int]] = {}  # sizes of each log at its last two starts
        for group in supervisord.process_groups.values():
            self._keep_logs(group)
        socket = supervisord.options.serverurl.removeprefix("unix://")
        other = control.running(var)
        # The announcement of a killed supervisord with the same file names this one's own socket.
        if other is not None and other.socket != socket:
            raise ConfigError(
                f"{var}: its programs run already (supervisord has {other.process}); "
                "stop them with `crepe down`, or set CREPE_VAR to another directory"
            )
        make_logs_safe()
        _open_log(supervisord.options, paths.private(paths.private(var) / "log"))
        os.environ["CREPE_VAR"] = str(var)
        os.environ[SUPERVISOR] = ProcessIdentity.own().key
        # The programs' `command=crepe run` names no directory (decision 3).
        os.environ["PATH"] = os.pathsep.join(
            [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
        )
        # Threads of linear algebra would cost each program memory, and gain none of them time.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        at_end = ExitStack()
        atexit.register(at_end.close)  # when all programs have ended
        logger = supervisord.options.logger
        experiment = open_session(logger, var, at_end)
        control.announce(var, socket)
        recorders = {
            program
            for name in experiment.recorders
            if experiment.is_own(program := experiment.program_of[name])
        }
        self._end = SessionEnd(var, recorders, logger)
        self._append_only = AppendOnlyLimit(var, reserve_bytes(experiment), logger.warn)
        events.subscribe(
            events.ProcessGroupAddedEvent,
            lambda event: self._keep_logs(supervisord.process_groups[event.group]),
        )
        events.subscribe(events.ProcessStateStartingEvent, self._count)
        events.subscribe(events.SupervisorStoppingEvent, self._end.on_stopping)
        events.subscribe(events.ProcessStateStoppedEvent, self._end.on_stopped)
        events.subscribe(events.Tick5Event, self._tick)
        for ended in (events.ProcessStateExitedEvent, events.ProcessStateBackoffEvent):
            events.subscribe(ended, self._end_with_session)

    def programs(self) -> list[dict[str, Any]]:
        """Return the fields of `Status` for each program, also while programs are being stopped."""
        now = time.time()
        processes = self._processes()
        # supervisord waits for its programs: until it has, a pid is still that of its program
        identities = identify(process.pid for process in processes if process.pid)
        return [
            {
                "name": process.config.name,
                "state": getProcessStateDescription(process.get_state()),
                **identities.get(process.pid, ProcessIdentity(0))._asdict(),
                "uptime_s": now - process.laststart if process.pid else 0.0,
                "restarts": max(self._starts[process.config.name] - 1, 0),
                "log_start": self._log_start(process.config),
            }
            for process in processes
        ]

    def _processes(self) -> list[Any]:
        return [
            process
            for group in sorted(self._supervisord.process_groups.values())
            for process in group.processes.values()
        ]

    def _tick(self, _: Any) -> None:
        self._end.on_tick(self._processes())
        self._append_only.look()

    def _count(self, event: Any) -> None:
        program = event.process.config
        self._starts[program.name] += 1
        self._log_starts[program.name] = [self._log_start(program), _log_size(program)]

    def _log_start(self, program: Any) -> int:
        """Return the size of a program's log at its last start after which it wrote anything."""
        before, last = self._log_starts.get(program.name) or [_log_size(program)] * 2
        return before if _log_size(program) == last else last

    def _end_with_session(self, _: Any) -> None:
        """Stop all programs, in order, once one of them has ended the session."""
        options = self._supervisord.options
        now = session.current(self._var)
        if now is not None and now.ended_because and options.mood == SupervisorStates.RUNNING:
            options.logger.critical(f"session {now.id} is over: {now.ended_because}")
            # As the XML-RPC method `shutdown` does; supervisord then stops its programs in order.
            options.mood = SupervisorStates.SHUTDOWN

    def _keep_logs(self, group: Any) -> None:
        # where the file names none, supervisord has made an empty one beside itself
        mark = f"---{self._supervisord.options.identifier}-"
        for program in group.config.process_configs:
            for attribute, suffix in (("stdout_logfile", "log"), ("stderr_logfile", "err.log")):
                path = getattr(program, attribute)
                if path and mark in os.path.basename(path):
                    Path(path).unlink(missing_ok=True)
                    setattr(program, attribute, str(self._log / f"{program.name}.{suffix}"))


def _log_size(program: Any) -> int:
    path = Path(program.stdout_logfile or "")
    return path.stat().st_size if path.is_file() else 0


def _open_log(options: Any, directory: Path) -> None:
    path = str(directory / "supervisord.log")
    loggers.handle_file(
        options.logger, path, _LOG_FORMAT, rotating=True, maxbytes=_LOG_BYTES, backups=_LOG_BACKUPS
    )
    options.logfile = path  # what `supervisorctl maintail` shows


def open_session(logger: Any, var: Path, at_end: ExitStack) -> Experiment:
    """Resume the unfinished session, or begin a new one with empty streams.

    Return the experiment. A machine that CREPE_MACHINE names joins the session of the main one.

    CREPE_SESSION is `new` or `resume` where an operator has decided. Without it a session is
    resumed if the experiment file has not changed since. `at_end` receives the callbacks to run
    when all programs have ended.

    Raises ConfigError if there is no session to resume, or if another version began it whose
    streams do not fit, and DeviceError without room on the disk.
    Raises LeaseError if another session has the culture on a server that others run, unless
    CREPE_TAKE_OVER is set. Raises StoreError if streams must be removed from that server and it
    does not answer.
    """
    named = os.environ.get("CREPE_EXPERIMENT")
    machine = os.environ.get("CREPE_MACHINE", MAIN)
    experiment = load_experiment(Path(named) if named else None, machine=machine)
    if machine != MAIN:
        check_room(var, experiment)
        return join(logger, experiment, var, at_end)
    # Popped: a decision counts once, and a reload of supervisord calls `make` again.
    decided = os.environ.pop("CREPE_SESSION", "")
    if not decided:  # else the command that started supervisord has checked
        check_room(var, experiment)
    logger.info(disk_message(var, experiment))
    take_over = bool(os.environ.pop("CREPE_TAKE_OVER", ""))
    last = session.current(var)
    unfinished = session.find_unfinished(var)
    if decided == "resume" and unfinished is None:
        raise ConfigError(f"{var}: the last session ended in good order, nothing to resume")
    if unfinished is not None and unfinished.obstacle and decided != "new":
        # Not even where no operator has decided: its last data may be in Redis only.
        raise ConfigError(unfinished.obstacle)
    is_same = unfinished is not None and unfinished.experiment_digest == experiment.digest
    resumed = unfinished if decided == "resume" or (not decided and is_same) else None
    now = resumed or session.new(
        experiment.path, experiment.digest, experiment.seed, experiment.name
    )
    if os.environ.get("CREPE_REDIS"):
        url = str(choose().url)
        at_end.callback(_release, url, experiment.name, now)
        try:
            for note in must_fit(url, experiment.name):
                logger.warn(note)
            _take_culture(url, experiment, now, last, take_over=take_over)
        except StoreUnavailableError as error:
            if resumed is None and last is not None:
                raise
            logger.warn(f"{error}; the programs take the lease when the server answers")
    if resumed is not None:
        logger.warn(f"session {now.id} was cut off and is resumed")
        return experiment
    forget_server(var)
    session.begin(now, var)
    logger.info(f"session {now.id} of {experiment.path} begins, seed {now.seed}")
    return experiment


def _take_culture(
    url: str,
    experiment: Experiment,
    now: session.Session,
    last: session.Session | None,
    *,
    take_over: bool,
) -> None:
    """Take the lease of a culture on a server that others run.

    Remove the streams of the last session there, unless it is resumed, and no others.
    """
    store = RedisStore(url, culture=experiment.name, writer="supervisord", patience_s=_PATIENCE_S)
    with closing(store):
        lease = Lease(store, Holder.of(now, os.getpid()))
        lease.take(last=last.id if last else "", take_over=take_over)
        if last is None or last.id == now.id:
            return
        # An older version listed no streams on the server: the experiment names them.
        written = {name for actor in experiment.actors.values() for name in actor.writes.values()}
        for stream in written.union(store.streams()):
            info = store.info(stream)
            if info is not None and info.session == last.id:
                store.delete(stream)
        # These have no description that names a session.
        for stream in OUTSIDE:
            store.delete(stream)


def _release(url: str, culture: str, now: session.Session) -> None:
    """Release the lease of a session, if the server answers."""
    with suppress(StoreError):
        store = RedisStore(url, culture=culture, writer="supervisord", patience_s=_LEAVE_S)
        with closing(store):
            Lease(store, Holder.of(now, os.getpid())).release()
