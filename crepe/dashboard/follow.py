"""Follows the running session, and tells those who wait that there is something new."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crepe.dashboard.frames import BrowserView, union
from crepe.dashboard.integrity import Gaps, gaps_told, integrity
from crepe.dashboard.latency import EDGES_MS
from crepe.dashboard.session_view import SessionView
from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.contract import Entry, StreamStore

log = logging.getLogger(__name__)

_HISTORY_S = 60.0  # that is read when a session is first seen
_BEGINNING_S = 1.0  # a stream that begins so early has not been trimmed
_FAR_BEHIND_S = 2.0  # then what lies between is left out: the newest counts
_LOOK_S = 1.0
_PAGE = 256  # entries of a stream at once
_STALE_S = 1.0

Found = Sequence[tuple[str, Entry]]


class SessionFollower:
    """The session_view of the session that runs, and of how its programs do.

    Reading goes on a thread, one read at a time; the session_view belongs to the event loop.

    Parameters
    ----------
    session
        Gives the ID of the session and the tables of its experiment.
    status
        Gives one row per program; called on a thread, once a second.
    """

    def __init__(
        self,
        open_store: Callable[[], StreamStore],
        session: Callable[[], tuple[str, Mapping[str, Any]]],
        status: Callable[[StreamStore], list[dict[str, Any]]],
        frames_per_s: float,
    ) -> None:
        self._open_store = open_store
        self._session = session
        self._status = status
        self._period_s = 1 / frames_per_s
        self._store: StreamStore | None = None
        self._cursors: dict[str, int] = {}
        self._tick = asyncio.Event()
        self._looked_s = float("-inf")
        self._advanced_s = time.monotonic()
        self.session_view = SessionView("")
        self.views: set[BrowserView] = set()
        self.problem = ""  # why nothing can be read
        self.programs: list[dict[str, Any]] = []
        self.gaps: Gaps | None = None  # in the data, as far as who acquires has told
        self.n_ticks = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            began_s = time.monotonic()
            self.session_view.watch(union(list(self.views), self.session_view))
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
            await asyncio.sleep(max(0.02, self._period_s - (time.monotonic() - began_s)))

    async def tick(self) -> None:
        """Wait until there is something new."""
        await self._tick.wait()

    @property
    def age_s(self) -> float:
        """How long ago the session's time went on."""
        return time.monotonic() - self._advanced_s

    async def _step(self) -> None:
        before = self.session_view.now
        if time.monotonic() - self._looked_s >= _LOOK_S:
            await self._look()
            self._looked_s = time.monotonic()
        found, latency_ms = await asyncio.to_thread(self._read, self._wanted())
        for stream, entry in found:
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
        """Once a second: which session, which streams, which programs."""
        session, tables = await asyncio.to_thread(self._session)
        if session != self.session_view.session:
            self.session_view = SessionView(session, tables)
            self._cursors.clear()
        self.programs, infos, begins, self.gaps = await asyncio.to_thread(self._ask, session)
        for stream in self.session_view.learn(infos):
            if stream in self.session_view.followed:
                self._cursors[stream] = begins[stream]
            is_counted = infos[stream].message in ("GameState", "Delivered")
            if is_counted and begins[stream] > _BEGINNING_S * self.session_view.rate_hz:
                self.session_view.events.since = max(self.session_view.events.since, begins[stream])

    def _ask(
        self, session: str
    ) -> tuple[list[dict[str, Any]], dict[str, StreamInfo], dict[str, int], Gaps | None]:
        store = self._connected()
        infos: dict[str, StreamInfo] = {}
        begins: dict[str, int] = {}
        for stream in store.streams():
            info = store.info(stream)
            if info is None or info.session != session:
                continue
            infos[stream] = info
            if stream not in self.session_view.infos:
                first, last = store.first(stream), store.last(stream)
                length = last.stop if last else 0
                recent = length - round(_HISTORY_S * info.sampling_rate_hz)
                begins[stream] = max(
                    first.start if first else 0, 0 if info.kind.is_event else recent
                )
        return self._status(store), infos, begins, self._gaps(store, infos, session)

    def _gaps(
        self, store: StreamStore, infos: Mapping[str, StreamInfo], session: str
    ) -> Gaps | None:
        """In the first stream of samples, as its writer has told."""
        data = min((name for name, info in infos.items() if info.message == "Segment"), default="")
        writer = infos[data].writer.rpartition("-")[0] if data else ""
        beat = store.beats().get(writer, {})
        return gaps_told(beat) if beat.get("session") == session else None

    def _wanted(self) -> dict[str, int]:
        """Where to read on: what is followed, and the segments that somebody looks at."""
        for stream, traces in self.session_view.traces.items():
            self._cursors.setdefault(stream, traces.stop)
        known = {*self.session_view.followed, *self.session_view.traces}
        for stream in [name for name in self._cursors if name not in known]:
            del self._cursors[stream]
        return dict(self._cursors)

    def _read(self, cursors: Mapping[str, int]) -> tuple[Found, float | None]:
        store = self._connected()
        found: list[tuple[str, Entry]] = []
        far = round(_FAR_BEHIND_S * self.session_view.rate_hz)
        for stream, at in cursors.items():
            after = at
            if self.session_view.infos[stream].message == "Segment":
                last = store.last(stream)
                after = max(at, last.stop - far) if last else at
            while True:
                page = store.entries(stream, after, 2**62, _PAGE)
                found += [(stream, entry) for entry in page]
                if len(page) < _PAGE:
                    break
                after = page[-1].stop
        return found, self._latency_ms(store)

    def _latency_ms(self, store: StreamStore) -> float | None:
        """Of the newest decision: since the segment that it was made of had arrived."""
        result = self.session_view.result_stream
        if result is None or "data" not in self.session_view.infos:
            return None
        newest = store.last(result)
        if newest is None or newest.is_end:
            return None
        longest = self.session_view.infos["data"].longest_samples
        made_of = store.entries("data", newest.stop - 1, newest.stop + longest, 1)
        if not made_of or not made_of[0].t_ns:
            return None
        return (newest.t_ns - made_of[0].t_ns) / 1e6

    # What browsers are told

    def more(self) -> dict[str, Any]:
        """What is not in the streams' own words, and changes about once a second."""
        session_view = self.session_view
        return {
            "problem": self.problem,
            "age_s": round(self.age_s) if self.age_s > _STALE_S else 0,
            "programs": self.programs,
            "decided": session_view.decided.as_json(),
            "fired": session_view.fired.as_json(),
            "edges_ms": EDGES_MS,
            "gaps": self.gaps.newest if self.gaps else (),
            "integrity": integrity(session_view, self.gaps, self.programs),
        }

    def close(self) -> None:
        self._disconnect()
