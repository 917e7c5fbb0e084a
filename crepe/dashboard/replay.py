"""A recorded session, played again in the same page: anywhere in it, at any speed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crepe.dashboard.frames import BrowserView, channels_shown, slow_state
from crepe.dashboard.integrity import Gaps
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views import registry
from crepe.dashboard.views.view import SessionStatus
from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import one_line
from crepe.recording.computed import experiment_tables
from crepe.results.library import UNREADABLE
from crepe.runtime.heartbeat import GAPS_KEPT

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_PAGE = 4096
_BEFORE_S = 60.0  # of spikes, read before the position that was chosen


class Replay:
    """One browser's position in a recording. Raises DeviceError if the file is no recording.

    Time passes only in `advance`; nothing waits. The speed bounds how much is read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._reading():
            self._open()
        self.view = BrowserView()
        self.is_playing = True
        self.speed = 1.0
        self._at = 0.0
        self._cursors: dict[str, int] = {}
        self.session_view = self._fresh_view()

    def _open(self) -> None:
        from crepe.recording.reader import Recording  # h5py is slow to import
        from crepe.store.recording_store import RecordedStore

        with Recording(self._path) as recording:
            self._tables = experiment_tables(recording.experiment)
            self.session = recording.session or self._path.stem
            self._problems = recording.problems
            infos = recording.streams()
            clocked = [name for name, info in infos.items() if info.kind.is_clocked]
            self._gaps = recording.gaps(min(clocked)) if clocked else None  # `data`, if it is kept
        self._store = RecordedStore(self._path)
        self._infos = {
            name: info for name in self._store.streams() if (info := self._store.info(name))
        }
        self.rate_hz = max((i.sampling_rate_hz for i in self._infos.values()), default=1.0)
        lasts = {name: self._store.last(name) for name in self._infos}
        self.length = max((last.stop for last in lasts.values() if last), default=0)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise DeviceError for whatever a damaged or foreign file makes its reader raise."""
        try:
            yield
        except DeviceError:
            raise
        except UNREADABLE as error:
            reason = one_line(error) or type(error).__name__
            raise DeviceError(f"{self._path.name}: cannot be read: {reason}") from error

    def _fresh_view(self) -> SessionView:
        session_view = SessionView(self.session, self._tables)
        session_view.learn(self._infos)
        self._cursors = dict.fromkeys(registry.followed(session_view), 0)
        return session_view

    def change(self, fields: Mapping[str, Any]) -> None:
        """Apply a browser's message: views, position, speed. Invalid values change nothing."""
        if fields.get("speed") in SPEEDS:
            self.speed = float(fields["speed"])
        if isinstance(fields.get("is_playing"), bool):
            self.is_playing = fields["is_playing"]
        seek_s = fields.get("seek_s")
        if isinstance(seek_s, int | float) and not isinstance(seek_s, bool):
            # Bounded before it is multiplied: an integer may be too large for a float.
            self._seek(min(max(0.0, seek_s), self.length / self.rate_hz) * self.rate_hz)
        if "channels" in fields or any(name.startswith("shows_") for name in fields):
            self.view.change(fields)

    def _seek(self, at: float) -> None:
        self._at = at
        self.session_view = self._fresh_view()
        # Only spikes begin late; events are read from the begin, since all of them are counted.
        if self.session_view.spikes_stream is not None:
            since = int(at - _BEFORE_S * self.rate_hz)
            self._cursors[self.session_view.spikes_stream] = max(0, since)
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Move on by the time that has passed since the last call."""
        if self.is_playing:
            self._at = min(self._at + seconds * self.speed * self.rate_hz, float(self.length))
        until = int(self._at)
        self.session_view.watch(channels_shown([self.view], self.session_view))
        # `Traces` keeps no more than 10 s.
        recent = max(0, until - 10 * round(self.rate_hz))
        for stream, traces in self.session_view.traces.items():
            self._cursors[stream] = max(traces.stop, recent)
        for stream, after in list(self._cursors.items()):
            self._cursors[stream] = self._take(stream, after, until)
        # Entries move the time only to their own end, and in a gap there are none.
        self.session_view.now = until

    def _take(self, stream: str, after: int, until: int) -> int:
        """Read a stream up to sample index `until`; return the index up to which it was read."""
        while True:
            with self._reading():
                page = self._store.entries(stream, after, until, _PAGE)
                for entry in page:
                    self.session_view.take(stream, entry)
                    after = entry.stop
            if len(page) < _PAGE:
                return after

    def frame(self, people: Mapping[str, Any]) -> bytes:
        """Return what is new for the browser; `people` is its role, the queue and the control."""
        status = SessionStatus(self._gaps_until_now(), None, self._problems)
        state = {
            **people,
            "replay": {
                "at_s": round(self._at / self.rate_hz, 2),
                "length_s": round(self.length / self.rate_hz, 2),
                "speed": self.speed,
                "speeds": SPEEDS,
                "is_playing": self.is_playing,
            },
            "notice": self.session_view.too_slow,
            **registry.slow_state(self.session_view, status),
        }
        return self.view.frame(self.session_view, slow_state(state), {})

    def _gaps_until_now(self) -> Gaps | None:
        if self._gaps is None:
            return None
        gaps = [(a, min(b, int(self._at))) for a, b in self._gaps if a < self._at]
        return Gaps(len(gaps), sum(b - a for a, b in gaps), gaps[-GAPS_KEPT:])

    def close(self) -> None:
        """Close the recording."""
        self._store.close()
