"""The program `sensor`: the hardware API between sensors and the streams.

Gestures go to the stream `input`; the game's states are followed, so that every input can be paired
with its result.
"""

# Decision 13: why a program beside the actors.

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock

from crepe.commands import SENSOR
from crepe.config.tables import SENSOR_PORT, SensorTable
from crepe.errors import CrepeError, StoreError
from crepe.messages import Command, GameState
from crepe.runtime.heartbeat import Heartbeat
from crepe.sensor.input_tracker import InputTracker
from crepe.sensor.routes import make_app
from crepe.store import codec
from crepe.store.contract import Entry, StreamStore, UnclockedEntry
from crepe.web.server import HttpServer

log = logging.getLogger(__name__)

INPUT = "input"
_BLOCK_S = 0.2
_PAUSE_S = 0.1

Step = Callable[[], object]
"""A call of a tracker's method, to be made in the thread that the tracker belongs to."""


class Follower:
    """A reader of the game's states for a tracker; one `look` at a time, on any thread.

    Parameters
    ----------
    session
        ID of the session; streams of others are not read.
    since_ms
        Wall clock of the session's start; earlier gestures are not read either.
    """

    def __init__(
        self, tracker: InputTracker, store: StreamStore, stream: str, session: str, since_ms: int
    ) -> None:
        self._tracker = tracker
        self._store = store
        self._stream = stream
        self._session = session
        self._since_ms = since_ms
        self._cursor = 0
        self._has_stream = False
        self._is_caught_up = False
        self._is_ended = False
        self._rested_ms = 0  # wall clock of the game's last rest
        self._heartbeat = Heartbeat("sensor", store, session)

    def look(self) -> list[Step]:
        """Return what the tracker must do now, in order; wait a little if there is nothing.

        Raises StoreError if the store cannot be reached, and CrepeError if another session began.
        """
        if self._is_ended or not self._has_stream:
            time.sleep(_PAUSE_S)
        if not self._has_stream:
            self._heartbeat.set_state(f"waiting for {self._stream}")
            info = self._store.info(self._stream)
            self._has_stream = info is not None and info.session == self._session
            if self._has_stream:
                self._heartbeat.set_state("running")
            return []
        cursors = {} if self._is_ended else {self._stream: self._cursor}
        entries = self._store.wait(cursors, _BLOCK_S) if cursors else []
        if not entries:
            self._must_be_our_session()
        steps = [
            step
            for _, entry in entries
            if isinstance(entry, Entry)
            for step in self._steps_of(entry)
        ]
        self._heartbeat.set_position(self._cursor)
        if self._heartbeat.is_due():
            self._heartbeat.beat()
        if not entries and not self._is_caught_up:
            # Not before: the states still to be read may show that the gesture has begun its trial.
            self._is_caught_up = True
            steps += self._last_gesture()
        return steps

    def _must_be_our_session(self) -> None:
        info = self._store.info(self._stream)
        if info is not None and info.session != self._session:
            raise CrepeError(f"{self._stream}: session {info.session} has begun")

    def _steps_of(self, entry: Entry) -> list[Step]:
        self._cursor = entry.stop
        if entry.is_end:
            self._is_ended = True
            return [self._tracker.end]
        states, unreadable = codec.read(GameState, entry.payload, entry.start, entry.stop)
        for skipped in unreadable:
            log.error("%s: skipped %s", self._stream, skipped.reason)
        steps: list[Step] = []
        for state in states:
            assert isinstance(state, GameState)
            steps.append(partial(self._tracker.follow, state))
            if state.phase == "rest":
                self._rested_ms = entry.t_ns // 1_000_000
        return steps

    def _last_gesture(self) -> list[Step]:
        """Return the step for a gesture from before a restart, if the game may still take it."""
        # The game takes gestures from its rest on; older ones can begin no trial any more.
        after_ms = max(self._since_ms, self._rested_ms)
        last: Command | None = None
        # Redis begins IDs outside the clock with its wall clock in milliseconds.
        cursor = f"{after_ms}-0"
        while entries := self._store.wait({INPUT: cursor}, 0.0):
            for _, entry in entries:
                if isinstance(entry, UnclockedEntry):
                    cursor = entry.id
                    last = _gesture(entry) or last
        if last is None:
            return []
        number, gesture = last.sender.partition(" ")[2], last.value
        return [partial(self._tracker.add, number, gesture)]


def _gesture(entry: UnclockedEntry) -> Command | None:
    """Return the gesture in an entry, if a gateway has sent it."""
    for command in codec.read(Command, entry.payload, 0, 0)[0]:  # any program may write there
        if isinstance(command, Command) and command.name == "gesture":
            return command if command.sender.startswith(f"{SENSOR} ") else None
    return None


class SensorGateway:
    """The program `sensor`: it serves sensors and follows the game until it is stopped.

    Parameters
    ----------
    follows, sends
        Two stores over the same streams: one waits for the game while the other appends gestures.
        Sensors wait as long as the patience of `sends`.
    """

    def __init__(
        self,
        table: SensorTable,
        follows: StreamStore,
        sends: StreamStore,
        *,
        session: str,
        since_ms: int,
        run_directory: Path,
        token: str,
    ) -> None:
        self._sends = sends
        # Posts run on several threads and share the connection of `sends`.
        self._lock = Lock()
        tracker = InputTracker(SENSOR)
        self._follower = Follower(tracker, follows, table.reads, session, since_ms)
        app = make_app(tracker, table, self._send, sender=SENSOR, token=token)
        self.server = HttpServer(
            app,
            SENSOR,
            run_directory,
            host=table.host,
            port=table.port,
            usual_port=SENSOR_PORT,
            token=token,
        )

    def _send(self, command: Command) -> str:
        with self._lock:
            return self._sends.append_unclocked(INPUT, codec.pack([command], 0, 0))

    async def run(self) -> None:
        """Serve until `server.stop`; raise what ended the following of the game."""
        following = asyncio.create_task(self._follow())
        following.add_done_callback(
            lambda _: self.server.stop()
        )  # without it `ready` would be wrong
        try:
            await self.server.run()
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    async def _follow(self) -> None:
        while True:
            try:
                for step in await asyncio.to_thread(self._follower.look):
                    step()
            except StoreError as error:
                log.warning("cannot follow the game: %s", error)
            await asyncio.sleep(0)
