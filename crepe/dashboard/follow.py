"""Follows the running session, and wakes the browsers' loops when there is something new."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crepe.dashboard.frames import BrowserView, channels_shown
from crepe.dashboard.integrity import Gaps, answers_of, gaps_of
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views import registry
from crepe.dashboard.views.view import SessionStatus
from crepe.environment.clock import Clocks, WallToBoot, read_clocks
from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.contract import Entry, StreamStore, entries_at_once

log = logging.getLogger(__name__)

_BEGINNING_S = 1.0  # a stream that begins so early has not been trimmed
_FAR_BEHIND_S = 2.0  # of samples; older ones are left out, since the newest count
_LOOK_S = 1.0
_UNWATCHED_S = 0.5  # between two reads that no client waits for
_STALE_S = 1.0

Entries = Sequence[tuple[str, Entry]]
Beats = Mapping[str, Mapping[str, str]]


class SessionFollower:
    """The state of the running session and of its programs.

    Reads run on a thread, one at a time; the `SessionView` belongs to the event loop.

    Parameters
    ----------
    session
        Returns the ID of the session and the tables of its experiment.
    status
        Returns one row per program; called on a thread, once a second.
    """

    def __init__(
        self,
        open_store: Callable[[], StreamStore],
        session: Callable[[], tuple[str, Mapping[str, Any]]],
        status: Callable[[StreamStore], list[dict[str, Any]]],
        frames_per_s: float,
        clocks: Callable[[], Clocks] = read_clocks,
    ) -> None:
        self._open_store = open_store
        self._session = session
        self._status = status
        self._period_s = 1 / frames_per_s
        self._store: StreamStore | None = None
        self._cursors: dict[str, int] = {}
        self._clock = WallToBoot(clocks)
        self._measured = 0  # stop of the last decision whose delay was measured
        self._tick = asyncio.Event()
        self._n_waiting = 0
        self._looked_s = float("-inf")
        self._advanced_s = time.monotonic()
        self.session_view = SessionView("")
        self.views: set[BrowserView] = set()
        self.problem = ""  # why the store cannot be read
        self.programs: list[dict[str, Any]] = []
        self.gaps: Gaps | None = None  # in the data; None until the acquiring program reports
        self.n_ticks = 0

    async def run(self) -> None:
        """Follow the session until the task is cancelled."""
        while True:
            began_s = time.monotonic()
            self.session_view.watch(channels_shown(list(self.views), self.session_view))
            try:
                await self._step()
                self.problem = ""
            except StoreError as error:
                self._disconnect()
                if not self.problem:
                    log.warning("cannot read: %s", error)
                self.problem = str(error)
            self.n_ticks += 1
            self._tick.set()
            self._tick = asyncio.Event()
            is_over = False
            while not is_over:
                # At least 20 ms, so that a store slower than a frame does not make this busy.
                await asyncio.sleep(max(0.02, self._period_s - (time.monotonic() - began_s)))
                is_over = self._n_waiting > 0 or time.monotonic() - began_s >= _UNWATCHED_S

    async def tick(self) -> None:
        """Wait until there is something new."""
        self._n_waiting += 1
        try:
            await self._tick.wait()
        finally:
            self._n_waiting -= 1

    @property
    def age_s(self) -> float:
        """Seconds since the newest sample index last grew."""
        return time.monotonic() - self._advanced_s

    async def _step(self) -> None:
        before = self.session_view.now
        if time.monotonic() - self._looked_s >= _LOOK_S:
            await self._look()
            self._looked_s = time.monotonic()
        entries, latency_ms = await asyncio.to_thread(self._read, self._positions())
        for stream, entry in entries:
            self._cursors[stream] = entry.stop
            self.session_view.take(stream, entry)
        if latency_ms is not None:
            self.session_view.decided.take(latency_ms)
        if self.session_view.now != before:
            self._advanced_s = time.monotonic()

    # Reading, on a thread

    def _connected(self) -> StreamStore:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _disconnect(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    async def _look(self) -> None:
        """Find the session, its streams and its programs; once a second is enough."""
        session, tables = await asyncio.to_thread(self._session)
        if session != self.session_view.session:
            self.session_view = SessionView(session, tables)
            self._cursors.clear()
        self.programs, infos, begins, beats = await asyncio.to_thread(self._find_streams, session)
        self.gaps = gaps_of(_beat_of(beats, infos, "Segment"))
        self.session_view.events.reported_answers = answers_of(_beat_of(beats, infos, "Delivered"))
        new = self.session_view.learn(infos)
        followed = registry.followed(self.session_view)
        for stream in new:
            if stream in followed:
                first, stop = begins[stream]
                begin = self._begin(first, stop, infos[stream], followed[stream])
                self._cursors[stream] = begin
            is_counted = infos[stream].message in ("GameState", "Delivered")
            if is_counted and begins[stream][0] > _BEGINNING_S * self.session_view.rate_hz:
                events = self.session_view.events
                events.since = max(events.since, begins[stream][0])

    @staticmethod
    def _begin(first: int, stop: int, info: StreamInfo, history_s: float | None) -> int:
        """Return the sample index from which a stream is read: all of it, or its last seconds."""
        if history_s is None:
            return first
        return max(first, stop - round(history_s * info.sampling_rate_hz))

    def _find_streams(
        self, session: str
    ) -> tuple[list[dict[str, Any]], dict[str, StreamInfo], dict[str, tuple[int, int]], Beats]:
        """Return programs, streams, where new streams begin and stop, and the heartbeats."""
        store = self._connected()
        infos: dict[str, StreamInfo] = {}
        begins: dict[str, tuple[int, int]] = {}
        for stream in store.streams():
            info = store.info(stream)
            if info is None or info.session != session:
                continue
            infos[stream] = info
            if stream not in self.session_view.infos:
                first, last = store.first(stream), store.last(stream)
                begins[stream] = (max(0, first.start) if first else 0, last.stop if last else 0)
        beats = {n: beat for n, beat in store.beats().items() if beat.get("session") == session}
        return self._status(store), infos, begins, beats

    def _positions(self) -> dict[str, int]:
        """Return where to read on: in the followed streams, and in the traces that are shown."""
        for stream, traces in self.session_view.traces.items():
            self._cursors.setdefault(stream, traces.stop)
        read = {*registry.followed(self.session_view), *self.session_view.traces}
        # Traces that are shown again begin with the newest samples, not where they were hidden.
        for stream in [name for name in self._cursors if name not in read]:
            del self._cursors[stream]
        return dict(self._cursors)

    def _read(self, cursors: Mapping[str, int]) -> tuple[Entries, float | None]:
        store = self._connected()
        entries: list[tuple[str, Entry]] = []
        after = dict(cursors)
        far = round(_FAR_BEHIND_S * self.session_view.rate_hz)
        for stream, at in cursors.items():
            if self.session_view.infos[stream].message == "Segment":
                last = store.last(stream)
                after[stream] = max(at, last.stop - far) if last else at
        count = entries_at_once(self.session_view.infos[stream] for stream in cursors)
        while after:
            page: dict[str, list[Entry]] = {}
            for stream, entry in store.wait(after, 0.0, count):
                if isinstance(entry, Entry):
                    page.setdefault(stream, []).append(entry)
            entries += [(s, e) for s, batch in page.items() for e in batch if not e.is_end]
            # A stream that has given less has given all.
            after = {s: batch[-1].stop for s, batch in page.items() if len(batch) == count}
        return entries, self._latency_ms(store)

    def _latency_ms(self, store: StreamStore) -> float | None:
        """Return the newest decision's delay since its last segment arrived.

        None if that is not known, or was returned before, or the wall clock was set.
        """
        result = self.session_view.result_stream
        if result is None or "data" not in self.session_view.infos:
            return None
        newest = store.last(result)
        if newest is None or newest.is_end or newest.stop == self._measured:
            return None
        longest = self.session_view.infos["data"].longest_samples
        # The first segment that ends with the decision's window or after it holds its last sample.
        segments = store.entries("data", newest.stop - 1, newest.stop + longest, 1)
        if not segments or not segments[0].t_ns:
            return None
        self._measured = newest.stop
        if self._clock.look():
            return None  # the wall clock was set meanwhile
        return (newest.t_ns - segments[0].t_ns) / 1e6

    def slow_state(self) -> dict[str, Any]:
        """Return what is sent beside the streams, and changes about once a second."""
        status = SessionStatus(self.gaps, self.programs)
        return {
            "problem": self.problem,
            "age_s": round(self.age_s) if self.age_s > _STALE_S else 0,
            **registry.slow_state(self.session_view, status),
        }

    def close(self) -> None:
        """Close the connection to the store."""
        self._disconnect()


def _beat_of(beats: Beats, infos: Mapping[str, StreamInfo], message: str) -> Mapping[str, str]:
    """Return the heartbeat of the writer of the first stream with this message; empty without."""
    stream = min((name for name, info in infos.items() if info.message == message), default="")
    # A writer is the program's name and a random part; heartbeats have the name alone.
    writer = infos[stream].writer.rpartition("-")[0] if stream else ""
    return beats.get(writer, {})
