"""supervisord's extension: what must be there before the first program starts.

supervisord calls `make` once it has read its file and opened its socket, and offers the public
methods of what it returns over XML-RPC as `crepe.<method>`. The file itself can then do without
any path: supervisord would refuse directories that do not exist yet.
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from supervisor import events, loggers
from supervisor.states import getProcessStateDescription

from crepe.config.disk_space import disk_message
from crepe.config.experiment import load_experiment
from crepe.config.wiring import OUTSIDE
from crepe.environment import paths, session
from crepe.errors import ConfigError, CrepeError
from crepe.redis_server.choice import choose
from crepe.redis_server.server import forget_server
from crepe.store.redis_store import RedisStore
from crepe.supervise import control

_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s\n"
_LOG_BYTES = 10_000_000
_LOG_BACKUPS = 4
_PATIENCE_S = 10.0  # with a server that others run


def make(supervisord: Any) -> "Extension":
    """The factory that supervisord.conf names. Raises CrepeError, which ends supervisord."""
    chosen = os.environ.get("CREPE_VAR")
    here = Path(supervisord.options.here)
    var = Path(chosen).expanduser().absolute() if chosen else here / "var"
    try:
        return Extension(supervisord, var)
    except CrepeError as error:
        print(f"crepe: {error}", file=sys.stderr)  # supervisord says only that it failed
        sys.tracebacklimit = 0  # into its log it writes a traceback, where the text says all
        raise


class Extension:
    """Follows supervisord's events; its public methods are the XML-RPC interface `crepe`."""

    def __init__(self, supervisord: Any, var: Path) -> None:
        self._supervisord = supervisord
        self._log = var / "log"
        self._starts: Counter[str] = Counter()
        for group in supervisord.process_groups.values():
            self._keep_logs(group)
        socket = supervisord.options.serverurl.removeprefix("unix://")
        other = control.running(var)
        if other is not None and other.socket != socket:
            raise ConfigError(
                f"{var}: its programs run already (supervisord has pid {other.pid}); "
                "stop them with `crepe down`, or set CREPE_VAR to another directory"
            )
        _open_log(supervisord.options, paths.private(paths.private(var) / "log"))
        os.environ["CREPE_VAR"] = str(var)
        os.environ["PATH"] = os.pathsep.join(
            [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
        )
        open_session(supervisord.options.logger, var)
        control.announce(var, socket)
        events.subscribe(
            events.ProcessGroupAddedEvent,
            lambda event: self._keep_logs(supervisord.process_groups[event.group]),
        )
        events.subscribe(events.ProcessStateStartingEvent, self._count)
        events.subscribe(events.SupervisorStoppingEvent, lambda _: session.end(var))

    def programs(self) -> list[dict[str, Any]]:
        """The fields of `control.Status` for each program, also while they are being stopped."""
        now = time.time()
        return [
            {
                "name": process.config.name,
                "state": getProcessStateDescription(process.get_state()),
                "pid": process.pid,
                "uptime_s": now - process.laststart if process.pid else 0.0,
                "restarts": max(self._starts[process.config.name] - 1, 0),
            }
            for group in sorted(self._supervisord.process_groups.values())
            for process in group.processes.values()
        ]

    def _count(self, event: Any) -> None:
        self._starts[event.process.config.name] += 1

    def _keep_logs(self, group: Any) -> None:
        # where the file names none, supervisord has made an empty one beside itself
        mark = f"---{self._supervisord.options.identifier}-"
        for program in group.config.process_configs:
            for attribute, suffix in (("stdout_logfile", "log"), ("stderr_logfile", "err.log")):
                path = getattr(program, attribute)
                if path and mark in os.path.basename(path):
                    Path(path).unlink(missing_ok=True)
                    setattr(program, attribute, str(self._log / f"{program.name}.{suffix}"))


def _open_log(options: Any, directory: Path) -> None:
    path = str(directory / "supervisord.log")
    loggers.handle_file(
        options.logger, path, _LOG_FORMAT, rotating=True, maxbytes=_LOG_BYTES, backups=_LOG_BACKUPS
    )
    options.logfile = path  # what `supervisorctl maintail` shows


def open_session(logger: Any, var: Path) -> None:
    """Go on with the session that was cut off, or begin a new one with empty streams.

    CREPE_SESSION says `new` or `resume` where a person has decided; else a session is resumed if
    the experiment file has not changed since. Raises StoreError if streams are to be removed from
    a server that others run, and it does not answer.
    """
    named = os.environ.get("CREPE_EXPERIMENT")
    experiment = load_experiment(Path(named) if named else None)
    logger.info(disk_message(var, experiment))
    decided = os.environ.pop("CREPE_SESSION", "")
    unclean = session.found_unclean(var)
    is_same = unclean is not None and unclean.experiment_digest == experiment.digest
    if unclean and (decided == "resume" or (not decided and is_same)):
        logger.warn(f"session {unclean.id} was cut off and goes on")
        return
    forget_server(var)
    last = session.current(var)
    if os.environ.get("CREPE_REDIS") and last is not None:
        _forget_streams(str(choose().url), experiment.name, last)
    begun = session.begin(experiment.path, experiment.digest, experiment.seed, var)
    logger.info(f"session {begun.id} of {experiment.path} begins, seed {begun.seed}")


def _forget_streams(url: str, culture: str, last: session.Session) -> None:
    """Remove what the last session left on a server that others run, and nothing else there."""
    store = RedisStore(url, culture=culture, writer="supervisord", patience_s=_PATIENCE_S)
    try:
        for stream in store.streams():
            info = store.info(stream)
            if info is not None and info.session == last.id:
                store.delete(stream)
        for stream in OUTSIDE:
            store.delete(stream)
    finally:
        store.close()
