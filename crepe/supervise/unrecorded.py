"""What a session's recording lacks when its programs have been stopped."""

# Decision 58: when a session has ended.

import time
from contextlib import closing
from pathlib import Path

from crepe.config.experiment_file import read_experiment_file
from crepe.environment import session
from crepe.errors import CrepeError, DeviceError
from crepe.redis_server.find_url import find_url
from crepe.store.redis_store import RedisStore

_EVERY_S = 1.0
_PATIENCE_S = 0.2


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
    """The ends of the streams of a running session, as Redis had them last."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._session = session.current(var)
        self._ends: dict[str, tuple[int, float]] = {}  # sample index and rate, by stream
        self._next_s = 0.0

    def look(self) -> None:
        """Read the ends at most once a second, while Redis answers."""
        now_s = time.monotonic()
        if self._session is None or now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        try:
            culture = read_experiment_file(self._session.experiment_path).name
            url = find_url(is_ours=True)
            with closing(RedisStore(url, culture=culture, patience_s=_PATIENCE_S)) as store:
                for stream in store.streams():
                    info, last = store.info(stream), store.last(stream)
                    # Of sparse streams the recording has messages, and no ends.
                    is_dense = info is not None and info.kind.is_clocked
                    if info and last and is_dense and info.session == self._session.id:
                        self._ends[stream] = last.stop, info.sampling_rate_hz
        except (CrepeError, OSError):  # the server has ended, or hangs
            return

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
