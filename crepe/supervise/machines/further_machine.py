"""The program of a machine that is not the main one: its sign of life, and its part in the end."""

import logging
import os
import signal
import time

from crepe.config.program_part import ProgramPart
from crepe.environment import paths, session
from crepe.environment.process import serve_blocking
from crepe.errors import ConfigError, StoreError
from crepe.redis_server.find_url import find_url
from crepe.store.redis_store import RedisStore
from crepe.supervise.machines import shared_session
from crepe.supervise.machines.presence import Presence
from crepe.supervise.machines.shared_session import Phase

log = logging.getLogger(__name__)

_POLL_S = 0.2
_EVERY_S = 1.0
_END_S = 40.0  # in which the main machine's writers must have stopped


def run_machine(part: ProgramPart) -> None:
    """Give signs of life; stop the programs of this machine when the session ends."""
    now = session.current()
    content = paths.read_json(paths.run_directory() / "presence.json")
    if now is None or content is None:
        raise ConfigError("this machine has joined no session; use `crepe up --machine NAME`")
    machine = _Machine(part, now, Presence(**content))
    serve_blocking(machine.run, machine.stop)


class _Machine:
    def __init__(self, part: ProgramPart, now: session.Session, own: Presence) -> None:
        self._part = part
        self._session = now
        self._presence = own
        self._store: RedisStore | None = None
        self._is_stopped = False
        self._is_over = False  # supervisord has been asked to stop everything
        self._next_sign_s = 0.0

    def stop(self) -> None:
        self._is_stopped = True

    def run(self) -> None:
        phase = ""
        while not self._is_stopped:
            phase = self._look() or phase
            time.sleep(_POLL_S)
        # Recorders, which stop next, read what the main machine's writers still write.
        deadline_s = time.monotonic() + _END_S
        while phase == Phase.ENDING and time.monotonic() < deadline_s:
            phase = self._look()
            time.sleep(_POLL_S)
        if self._store is not None:
            self._store.close()

    def _look(self) -> str:
        """Give a sign of life if it is time; return the session's phase, empty without Redis."""
        try:
            if self._store is None:
                url = find_url(is_ours=True)
                self._store = RedisStore(
                    url, culture=self._part.name, writer="machine", patience_s=0.0
                )
            shared = shared_session.read(self._store)
            self._sign(self._store)
        except StoreError:
            return ""
        if shared is None:
            return ""
        if shared.session != self._session.id:
            self._give_up(f"session {shared.session} has begun on host {shared.host}")
            return Phase.ENDED
        if shared.phase != Phase.RUNNING:
            self._end("the session ends on the main machine")
        return shared.phase

    def _sign(self, store: RedisStore) -> None:
        if time.monotonic() < self._next_sign_s:
            return
        self._next_sign_s = time.monotonic() + _EVERY_S
        if (other := self._presence.sign(store)) is not None:
            self._give_up(f"{other} has replaced this one")

    def _give_up(self, because: str) -> None:
        if not self._is_over:
            session.cancel(self._session, because)
        self._end(because)

    def _end(self, because: str) -> None:
        """Let supervisord stop all programs in order, this one among them."""
        if not self._is_over:
            self._is_over = True
            log.warning("stopping all programs of this machine: %s", because)
            os.kill(os.getppid(), signal.SIGTERM)
