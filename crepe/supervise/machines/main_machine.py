"""The two programs of the main machine: one shares the session, one watches the other machines."""

import logging
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from crepe.commands import CONTROL
from crepe.config.experiment_file import ExperimentFile
from crepe.config.program_part import ProgramPart
from crepe.config.services import MACHINES
from crepe.environment import paths, session
from crepe.environment.process import end_if_orphan, serve_blocking
from crepe.errors import ConfigError, StoreError
from crepe.messages import Command
from crepe.redis_server.find_url import find_url
from crepe.store import codec
from crepe.store.redis_store import RedisStore
from crepe.supervise import control
from crepe.supervise.machines import presence, shared_session
from crepe.supervise.machines.shared_session import ClockReading, Phase, SharedSession

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_POLL_S = 0.1
_WRITERS_S, _RECORDERS_S = 15.0, 40.0  # in which programs of further machines must have stopped
_STILL_S = 5.0  # a program without a new heartbeat for so long is not waited for


class _Loop:
    """A loop with Redis that ends when the program is stopped."""

    def __init__(self, part: ProgramPart) -> None:
        self.is_stopped = False
        url = find_url(patience_s=float("inf"), is_ours=True, meanwhile=end_if_orphan)
        self.store = RedisStore(
            url,
            culture=part.name,
            writer=part.program,
            patience_s=float("inf"),
            meanwhile=self._check,
        )
        self.store.patience_s = 0.0

    def _check(self) -> None:
        end_if_orphan()
        if self.is_stopped:
            raise SystemExit("stopped while no Redis server answers")

    def stop(self) -> None:
        self.is_stopped = True

    def run(self, step: Callable[[], None]) -> None:
        """Call `step` once a second, as far as Redis answers."""
        next_s = 0.0
        while not self.is_stopped:
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + _EVERY_S
                with suppress(StoreError):
                    step()
            time.sleep(_POLL_S)


def run_shared_session(part: ProgramPart) -> None:
    """Publish the session for further machines, and end it for them."""
    now = session.current()
    if now is None:
        raise ConfigError("no session has begun; start the programs with `crepe up`")
    loop = _Loop(part)

    is_shared = False

    def share() -> None:
        nonlocal is_shared
        # Again on a server that has lost it; the phase that it has by then stays.
        if is_shared and shared_session.read(loop.store) is not None:
            return
        clock = ClockReading.take(loop.store)
        shared = SharedSession(
            now.id,
            now.started_at,
            now.experiment_digest,
            now.seed,
            now.format,
            socket.gethostname(),
            clock.ahead_s,
            clock.error_s,
            part.text,
        )
        shared_session.publish(loop.store, shared)
        is_shared = True
        log.info("session %s is shared with %s", now.id, ", ".join(part.machines))

    def run() -> None:
        loop.run(share)
        if _is_stopping():
            _end(loop.store, Phase.ENDED, part, now.id, _RECORDERS_S)

    serve_blocking(run, loop.stop)


def run_machines(part: ProgramPart) -> None:
    """Note when a further machine gives no sign of life; let their writers end before ours."""
    now = session.current()
    loop = _Loop(part)
    states: dict[str, str] = {}

    def watch() -> None:
        for machine in part.machines:
            last = presence.look(loop.store, machine)
            state = "is not there" if last is None else "has joined"
            if last is not None and last.age_s > presence.SILENT_S:
                state = "gives no sign of life"
            if states.get(machine, "is not there") != state:
                text = f"machine {machine} {state}"
                log.warning("%s", text)
                note = Command(0, 0, "note", text, MACHINES)
                loop.store.append_unclocked(CONTROL, codec.pack([note], 0, 0))
            states[machine] = state

    def run() -> None:
        loop.run(watch)
        if now is not None and _is_stopping():
            _end(loop.store, Phase.ENDING, part, now.id, _WRITERS_S)

    serve_blocking(run, loop.stop)


def _is_stopping() -> bool:
    """Whether supervisord stops all programs, and not this one alone."""
    supervisor = control.running(paths.var_directory())
    return supervisor is None or supervisor.is_stopping


def _end(
    store: RedisStore, phase: Phase, file: ExperimentFile, session_id: str, timeout_s: float
) -> None:
    """Announce a phase of the end, and wait until the programs that it stops have stopped."""
    with suppress(StoreError):
        shared_session.set_phase(store, phase)
        programs = set(file.machine_of)
        if phase == Phase.ENDING:
            programs -= recording_programs(file)
        left = _wait_until_stopped(store, programs, session_id, timeout_s)
        log.info("session %s is %s; still run: %s", session_id, phase, ", ".join(left) or "none")


def recording_programs(file: ExperimentFile) -> set[str]:
    """Return the programs whose actors write no stream: they read to the end."""
    return {
        file.program_of[actor]
        for actor, table in file.actor_tables.items()
        if not table.get("writes")
    }


def _wait_until_stopped(
    store: RedisStore, programs: Collection[str], session_id: str, timeout_s: float
) -> list[str]:
    """Wait until programs report that they have stopped; return those that do not.

    A program whose heartbeat stands still is not waited for: its machine is gone.
    """
    deadline_s = time.monotonic() + timeout_s
    last: dict[str, dict[str, str]] = {}
    changed_s = dict.fromkeys(programs, time.monotonic())
    while True:
        beats = store.beats()
        left = [
            name
            for name in programs
            if beats.get(name, {}).get("session") == session_id
            and beats[name].get("state") != "stopped"
        ]
        now_s = time.monotonic()
        for name in left:
            if beats[name] != last.get(name):
                last[name], changed_s[name] = beats[name], now_s
        if all(now_s - changed_s[name] > _STILL_S for name in left) or now_s > deadline_s:
            return left
        time.sleep(_POLL_S)
