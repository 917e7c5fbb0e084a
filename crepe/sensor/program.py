"""The program `sensor`: the hardware API between sensors and the streams.

What sensors show goes to the stream `input`; what the game says of its trials is followed, so
that every input can be paired with its result.
"""

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
"""Something that a tracker must do, in the thread that it belongs to."""


class Follower:
    """Tells a tracker what the game says; one look at a time, on whatever thread.

    Parameters
    ----------
    session
        ID of the session; a stream of any other is not ours.
    since_ms
        Wall clock of the session's start: what was shown before it is not ours either.
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
        self._is_found = False
        self._is_caught_up = False
        self._is_ended = False
        self._rested_ms = 0  # wall clock at which the game was last heard to rest
        self._heartbeat = Heartbeat("sensor", store, session)

    def look(self) -> list[Step]:
        """What the tracker must do now, in order; waits a little if there is nothing.

        Raises StoreError if the store cannot be reached, and CrepeError if another session began.
        """
        self._heartbeat.set_position(self._cursor)
        if self._is_ended or not self._is_found:
            time.sleep(_PAUSE_S)
        if not self._is_found:
            self._heartbeat.set_state(f"waiting for {self._stream}")
            info = self._store.info(self._stream)
            self._is_found = info is not None and info.session == self._session
            if self._is_found:
                self._heartbeat.set_state("running")
            return []
        self._heartbeat.beat()
        cursors = {} if self._is_ended else {self._stream: self._cursor}
        found = self._store.wait(cursors, _BLOCK_S) if cursors else []
        if not found:
            self._must_be_our_session()
        todo = [step for _, item in found if isinstance(item, Entry) for step in self._take(item)]
        if not found and not self._is_caught_up:
            self._is_caught_up = True
            todo += self._shown_before()
        return todo

    def _must_be_our_session(self) -> None:
        info = self._store.info(self._stream)
        if info is not None and info.session != self._session:
            raise CrepeError(f"{self._stream}: session {info.session} has begun")

    def _take(self, entry: Entry) -> list[Step]:
        self._cursor = entry.stop
        if entry.is_end:
            self._is_ended = True
            return [self._tracker.end]
        states = codec.unpack(GameState, entry.payload, entry.start, entry.stop)
        steps: list[Step] = []
        for said in states:
            assert isinstance(said, GameState)
            steps.append(partial(self._tracker.hear, said))
            if said.phase == "rest":
                self._rested_ms = entry.t_ns // 1_000_000
        return steps

    def _shown_before(self) -> list[Step]:
        """After a restart of the door: the last gesture, if the game may still take it."""
        after_ms = max(self._since_ms, self._rested_ms)
        last: Command | None = None
        cursor = f"{after_ms}-0"
        while found := self._store.wait({INPUT: cursor}, 0.0):
            for _, item in found:
                if isinstance(item, UnclockedEntry):
                    cursor = item.id
                    last = _gesture(item) or last
        if last is None:
            return []
        number, gesture = last.sender.partition(" ")[2], last.value
        return [partial(self._tracker.posted, number, gesture)]


def _gesture(said: UnclockedEntry) -> Command | None:
    """A gesture that came through a door."""
    for command in codec.unpack(Command, said.payload, 0, 0):
        if isinstance(command, Command) and command.name == "gesture":
            return command if command.sender.startswith(f"{SENSOR} ") else None
    return None


class SensorGateway:
    """Serves sensors, and follows the game, until it is told to stop.

    Parameters
    ----------
    follows, says
        Two stores over the same streams: one waits for the game while the other says what was
        shown. A `says` that is patient keeps sensors waiting.
    """

    def __init__(
        self,
        table: SensorTable,
        follows: StreamStore,
        says: StreamStore,
        *,
        session: str,
        since_ms: int,
        run_directory: Path,
        token: str = "",
    ) -> None:
        self._says = says
        self._one_at_a_time = Lock()
        tracker = InputTracker(SENSOR)
        self._follower = Follower(tracker, follows, table.reads, session, since_ms)
        app = make_app(tracker, table, self._say, speaker=SENSOR, token=token)
        self.server = HttpServer(
            app, SENSOR, run_directory, host=table.host, port=table.port, usual_port=SENSOR_PORT
        )

    def _say(self, command: Command) -> str:
        with self._one_at_a_time:
            return self._says.append_unclocked(INPUT, codec.pack([command], 0, 0))

    async def run(self) -> None:
        """Until `server.stop`; raises what ended the following of the game."""
        following = asyncio.create_task(self._follow())
        following.add_done_callback(lambda _: self.server.stop())  # without it `ready` would lie
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
