"""`crepe run NAME`: one program of an experiment, either a service or the runner of its actors."""

import gc
import logging
import os
import sys
import traceback
from importlib import import_module

from crepe.cli.supervised import current_session
from crepe.config.program_part import ProgramPart, load_program
from crepe.config.services import SERVICES
from crepe.environment import paths, session
from crepe.environment.freed_memory import keep_freed_memory
from crepe.environment.process import end_if_orphan
from crepe.environment.source_place import own_frames
from crepe.errors import ActorError, LeaseError

log = logging.getLogger(__name__)


def run_program(program: str) -> None:
    """Run one program of the experiment in CREPE_EXPERIMENT, and log to stdout."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    end_if_orphan()  # again: supervisord may have died while this was loaded
    keep_freed_memory()
    try:
        run_part(load_program(paths.experiment_path(), program))
    except ActorError as error:
        if error.__cause__ is not None:
            frames = traceback.format_list(own_frames(error.__cause__))
            log.error("in the actor's own files:\n%s", "".join(frames))
        raise  # its text becomes the last line of the log


def run_part(part: ProgramPart) -> None:
    """Run one program of an experiment until it receives SIGTERM."""
    if part.program not in SERVICES:
        _run_actors(part)
        return
    gc.enable()
    module, _, function = SERVICES[part.program].run.partition(":")
    getattr(import_module(module), function)(part)


def _run_actors(part: ProgramPart) -> None:
    from crepe.redis_server.find_url import find_url
    from crepe.runtime.runner import Runner
    from crepe.store.lease import Holder, Lease
    from crepe.store.redis_store import RedisStore

    now = current_session()
    store = RedisStore(
        # No timeout: supervisord would only restart a program that gave up.
        find_url(patience_s=float("inf"), is_ours=True, meanwhile=end_if_orphan),
        culture=part.name,
        writer=part.program,
        patience_s=float("inf"),
        meanwhile=end_if_orphan,
    )
    runner = Runner(
        part,
        store,
        session=now.id,
        lease=Lease(store, Holder.of(now, os.getppid())),
        recordings=paths.private(paths.var_directory() / "recordings"),
        since_ms=now.since_ms,
    )
    try:
        runner.run()
    except LeaseError as error:
        log.warning("session %s is over: %s", now.id, error)
        # A program that only ended would be restarted, and take its streams back (decision 38).
        session.cancel(now, str(error))  # supervisord sees it and stops the other programs
