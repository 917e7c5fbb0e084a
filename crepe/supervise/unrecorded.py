"""What a session's recording lacks when its programs have been stopped."""

# Decision 58: when a session has ended.

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from crepe.config.experiment_file import read_experiment_file, written_streams
from crepe.environment import session
from crepe.errors import CrepeError, DeviceError
from crepe.redis_server.find_url import find_url
from crepe.runtime.heartbeat import is_from
from crepe.store.redis_store import RedisStore
from crepe.supervise.supervisor import Status

_EVERY_S = 1.0
_PATIENCE_S = 0.2
START_S = 20.0
"""In which a program starts, on a busy machine, too."""
_DIED = ("EXITED", "BACKOFF")  # and is being started again


def end_session(var: Path) -> None:
    """Mark the session as ended, and its recording.

    Raises OSError where the former is not possible, and DeviceError where the latter is not.
    """
    from crepe.recording.file import mark_ended  # h5py is slow to import

    now = session.current(var)
    session.end(var)
    if now is not None:
        mark_ended(var / "recordings" / f"{now.id}.h5")


class StreamEnds:
    """The ends of the streams of a running session, as Redis had them last.

    Attributes
    ----------
    left_s
        Seconds of data that the recorders still have to record, as they reported last.
    """

    def __init__(self, var: Path) -> None:
        self._var = var
        self._session = session.current(var)
        self._ends: dict[str, tuple[int, float]] = {}  # sample index and rate, by stream
        self._recorders: dict[str, Mapping[str, str]] = {}  # their heartbeats, by program
        self._next_s = 0.0
        self.left_s = 0.0

    def look(self) -> None:
        """Read the ends at most once a second, while Redis answers."""
        now_s = time.monotonic()
        if self._session is None or now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        try:
            file = read_experiment_file(self._session.experiment_path)
            url = find_url(is_ours=True)
            with closing(RedisStore(url, culture=file.name, patience_s=_PATIENCE_S)) as store:
                for stream in store.streams():
                    info, last = store.info(stream), store.last(stream)
                    # Of sparse streams the recording has messages, and no ends.
                    is_dense = info is not None and info.kind.is_clocked
                    if info and last and is_dense and info.session == self._session.id:
                        self._ends[stream] = last.stop, info.sampling_rate_hz
                beats = store.beats()
        except (CrepeError, OSError):  # the server has ended, or hangs
            return
        self._recorders = {
            program: beats.get(program, {})
            for actor, program in file.program_of.items()
            if not written_streams(file.actor_tables[actor])
        }
        self.left_s = self._lag_s()

    def _lag_s(self) -> float:
        """Return the lag of the recorders that have not ended, by their heartbeats."""
        assert self._session is not None
        rate_hz = max((rate_hz for _, rate_hz in self._ends.values()), default=0.0)
        lags = [
            int(beat.get("lag_samples", 0))
            for beat in self._recorders.values()
            if beat.get("session") == self._session.id and beat.get("state") != "stopped"
        ]
        return max(lags, default=0) / rate_hz if rate_hz else 0.0

    def awaiting(self, programs: Iterable[Status]) -> list[Status]:
        """Return the recorders that are just being restarted: stopped now, they record no more.

        None if Redis has no data for them.
        """
        return [
            program
            for program in programs
            if program.name in self._recorders
            and self._ends
            and (program.state in _DIED or self._has_just_started(program))
        ]

    def _has_just_started(self, program: Status) -> bool:
        beat = self._recorders[program.name]
        is_up = is_from(beat, program.process) and beat.get("state") not in ("starting", "stopped")
        return bool(program.pid) and program.uptime_s < START_S and not is_up

    def conclude(self) -> str:
        """Mark the session as ended if its recording has everything; return what it lacks."""
        now = session.find_unfinished(self._var)
        if now is None or self._session is None or now.id != self._session.id:
            return ""
        path = self._var / "recordings" / f"{now.id}.h5"
        if not path.exists() and not self._ends:  # it failed before there was any data
            session.end(self._var)
            return ""
        lacking = self._lacking(path)
        if lacking == []:
            try:
                end_session(self._var)
            except DeviceError as error:
                return str(error)
            return ""
        text = ", ".join(lacking) if lacking else "how much is not known"
        return (
            f"session {now.id} is not recorded to its end: {text}; it has not ended, "
            "`crepe up --resume` records the rest"
        )

    def _lacking(self, path: Path) -> list[str] | None:
        """Return which samples of the recorded streams are missing at the end; None: not known."""
        from crepe.recording.reader import Recording

        if not self._ends:
            return None
        try:
            with Recording(path) as recording:
                stops = {stream: recording.last(stream) for stream in recording.streams()}
        except CrepeError as error:
            return [str(error)]
        return [
            f"{stream} lacks samples {stops[stream]} to {end}, {(end - stops[stream]) / rate:.1f} s"
            for stream, (end, rate) in sorted(self._ends.items())
            if stream in stops and stops[stream] < end
        ]


def last_changes(var: Path) -> dict[Path, int]:
    """Return when each file of the session's recording was last changed, in ns."""
    now = session.current(var)
    if now is None:
        return {}
    files = (var / "recordings").glob(f"{now.id}*.h5")
    return {file: file.stat().st_mtime_ns for file in files}
