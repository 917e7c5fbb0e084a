"""Recorder of every message of the session, in one HDF5 file that MCS's readers open, too."""

import logging
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import ActorContext, Sink
from crepe.errors import DeviceError
from crepe.messages import Command, Message, StreamInfo

if TYPE_CHECKING:
    from crepe.recording.mcs_layout import About
    from crepe.recording.writer import RecordingWriter

log = logging.getLogger(__name__)

_FLUSH_S = 1.0
_FLUSH_SIMULATED_S = 10.0  # where time is that of the samples: some two seconds of a machine
_ROOM_AGAIN = 1.25  # times the reserve: a recorder must not stop again at once


class Record(Sink[Message, None]):
    """Recorder of all its input streams, in `<session>.h5`, flushed every second.

    A signal that one of CREPE's own filters makes of a recorded one is not recorded: readers
    compute it, with the filter's settings from the experiment.

    In simulated time it flushes every ten seconds. After a restart it continues where the file
    ends. A file that cannot be continued is set aside, and a new one begins with everything that
    Redis still has: that is complete, while no part of a damaged file is certain. With less than
    `spare_mb` free it closes the file and pauses: nothing is read, so that Redis keeps what it can,
    until there is room again; the file is then continued. Raises DeviceError if the file cannot be
    written.
    """

    spare_mb: PositiveFloat = 64.0
    """Space that must stay free on the disk; with less, the recorder closes its file and pauses,
    and the Redis server stops its append-only file."""
    disarms: bool = True
    """Disarm the stimulator when the recorder pauses for lack of room, hangs or is gone: it needs
    `crepe arm` again. CREPE's own simulator needs none and goes on."""
    unrecorded_s: float = Field(20.0, ge=1.0)
    """Longest time for which a recorder that hangs or is gone may store nothing while data come;
    then it `disarms`. Redis keeps the data meanwhile."""

    records_filtered: bool = False
    """Record filtered signals as well, although readers can compute them: for programs that read
    the file without CREPE."""

    compress_mb_per_s: float = Field(50.0, ge=0)
    """Fastest signal that is compressed, in megabytes of samples per second; compression takes a
    core for each 100 MB/s. A faster one is recorded at its full size, in the same format."""

    merges: ClassVar[bool] = False
    priority: ClassVar[int] = 30

    _writer: "RecordingWriter | None" = PrivateAttr(None)  # None: paused
    _context: ActorContext = PrivateAttr()
    _about: "About" = PrivateAttr()
    _path: Path = PrivateAttr()
    _origins: Mapping[str, str] = PrivateAttr()  # of each stream that is left to readers
    _left_out: Collection[str] = PrivateAttr()  # those of them that the file does not have, either
    _clock: StreamInfo = PrivateAttr()
    _is_full: bool = PrivateAttr(False)  # too little room: the file is closed, or will be
    _stored: dict[str, int] = PrivateAttr(default_factory=dict)  # positions while paused
    _covered: dict[str, int] = PrivateAttr(default_factory=dict)  # the same with earlier parts
    _pause: str = PrivateAttr("")  # for people: that it pauses, or has
    _flushed: int = PrivateAttr(0)  # newest sample index at the last flush
    _complete: dict[str, int] = PrivateAttr(default_factory=dict)  # stop of the last whole window
    _window: tuple[str, int] | None = PrivateAttr(
        None
    )  # stream and stop of the window whose messages may still come
    _is_rested: bool = PrivateAttr(True)  # all messages are in the file
    _flush_s: float = PrivateAttr(_FLUSH_S)

    def open(self, context: ActorContext) -> None:
        # Not above: a check of the experiment imports this class, and only the recorder needs h5py.
        from crepe.recording.computed import left_to_readers
        from crepe.recording.mcs_layout import About

        self._context = context
        if context.monotonic_s is None:
            self._flush_s = _FLUSH_SIMULATED_S
        self._origins = {}
        if not self.records_filtered:
            self._origins = left_to_readers(context.experiment, context.inputs)
        self._clock = context.first
        is_simulated = any(info.is_simulated for info in context.inputs.values())
        culture = dict(context.culture)
        if is_simulated:
            culture.pop("species", None)
        self._about = About(
            session=context.session,
            seed=context.seed,
            experiment=context.experiment,
            culture=culture,
            is_simulated=is_simulated,
            origin_t_ns=self._clock.origin_t_ns,
        )
        self._path = context.recordings / f"{context.session}.h5"
        if self._free_mb() < self.spare_mb:
            stored = _positions_in(self._path)
            self._stored = self._covered = self._with_filtered(stored)
            self._note_pause()
        else:
            self._open_file()
            assert self._writer is not None
            stored = self._writer.positions
        # A file that has such a stream already gets the rest.
        self._left_out = self._origins.keys() - stored.keys()

    def _open_file(self) -> None:
        from crepe.recording.writer import RecordingWriter

        infos = {n: i for n, i in self._context.inputs.items() if n not in self._origins}
        self._writer = RecordingWriter(
            self._path, self._about, infos, compress_mb_per_s=self.compress_mb_per_s
        )
        self._flushed = max(self._writer.positions.values())
        self._is_full = False

    def on_position(self, stream: str, position: int) -> None:
        self._end_window()
        self._window = (stream, position)

    def step_from(self, stream: str, message: Message) -> None:
        if self._writer is None:
            raise DeviceError(self._pause)
        if not self._writer.has(stream):
            if stream in self._origins:  # the file that had it was replaced during a pause
                return
            self._writer.add(stream, self._info_outside(message))
        is_due = message.stop - self._flushed >= self._flush_s * self._clock.sampling_rate_hz
        # Messages of a window are committed together: a flush comes only before a later window.
        if is_due and message.stop > self._writer.newest(stream):
            if self._is_full:  # and nothing has paused since: there is no loop that waits
                raise DeviceError(f"{self._path}: {self._too_little()}")
            # Not closed here: the messages of this window are still to come.
            self._is_full = self._free_mb() < self.spare_mb
            self._writer.commit()
            self._flushed = message.stop
        self._writer.append(stream, message)
        self._is_rested = False

    def on_silence(self, elapsed_s: float) -> None:
        self._end_window()
        if self._writer is None:
            if self._free_mb() >= self.spare_mb * _ROOM_AGAIN:
                self._go_on()
        elif self._is_full:
            self._close_and_pause()
        elif elapsed_s >= _FLUSH_S and not self._is_rested:
            # Without new samples the last chunk would not fill up, and a crash would lose it.
            self._writer.commit(with_rest=True)
            self._is_rested = True

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.end()

    def positions(self) -> Mapping[str, int]:
        if self._writer is None:
            return self._stored
        positions = self._writer.positions
        for stream, stop in self._complete.items():
            if not self._writer.has(stream):
                continue
            if positions[stream] >= self._writer.newest(stream):  # only empty windows came since
                positions[stream] = max(positions[stream], stop)
        return self._with_filtered(positions)

    def _with_filtered(self, positions: dict[str, int]) -> dict[str, int]:
        """Add the streams that are left to readers: as far as their origin is stored."""
        origins = {name: positions.get(origin, 0) for name, origin in self._origins.items()}
        return {**origins, **positions}

    @property
    def left_out(self) -> Collection[str]:
        return self._left_out

    def covered(self, stream: str) -> int:
        if self._writer is None:
            return self._covered.get(stream, 0)
        origin = stream if self._writer.has(stream) else self._origins[stream]
        return max(self.positions().get(stream, 0), self._writer.stop_before(origin))

    @property
    def is_paused(self) -> bool:
        return self._is_full

    @property
    def disarms_after_s(self) -> float | None:
        # A pause has disarmed already; an arming since then is an operator's decision.
        return self.unrecorded_s if self.disarms and not self._is_full else None

    @property
    def problem(self) -> str:
        problem = self._writer.problem if self._writer is not None else ""
        return "; ".join(filter(None, (self._pause, problem)))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    # A disk without room

    def _close_and_pause(self) -> None:
        assert self._writer is not None
        self._writer.commit(with_rest=True)
        self._stored = dict(self.positions())
        self._covered = {stream: self.covered(stream) for stream in self._stored}
        self._writer.close()
        self._writer = None
        self._is_rested = True
        self._note_pause()

    def _note_pause(self) -> None:
        self._is_full = True
        stimulation = "stimulation goes on without a recording"
        if self.disarms:
            # A simulator that has not proven to be our own is armed as an instrument is.
            self._context.disarm()
            stimulation = "stimulation is disarmed"
            if self._about.is_simulated:
                stimulation += ", except at CREPE's own simulator, which needs no arming"
        self._pause = (
            f"NOT RECORDING since sample {self._reached}: {self._too_little()}; {stimulation}; the "
            "recorder goes on when there is room"
        )
        log.error("%s: %s", self._path, self._pause)

    def _go_on(self) -> None:
        self._open_file()
        self._pause = f"the recorder paused at sample {self._reached} for lack of room, and went on"
        log.warning("%s: %s", self._path, self._pause)

    @property
    def _reached(self) -> int:
        return self._stored.get(next(iter(self._context.inputs)), 0)

    def _too_little(self) -> str:
        return f"{self._free_mb():.0f} MB free, {self.spare_mb:.0f} MB must stay"

    def _free_mb(self) -> float:
        existing = next(p for p in self._path.absolute().parents if p.exists())
        return shutil.disk_usage(existing).free / 1e6

    def _end_window(self) -> None:
        if self._window is not None:
            # Called when the next window begins or none comes: this one has all its messages.
            stream, stop = self._window
            self._complete[stream] = stop

    def _info_outside(self, message: Message) -> StreamInfo:
        """Return the description of a stream outside the clock, on the clock of the recording."""
        assert isinstance(message, Command)
        rate_hz = self._clock.sampling_rate_hz
        return StreamInfo("Command", rate_hz, segment_samples=1, longest_samples=1)


def _positions_in(path: Path) -> dict[str, int]:
    """Return where the streams of a recording stop, without changing it."""
    from crepe.recording.part import Part

    if not path.exists():
        return {}
    part = Part(path, is_damaged=True)
    try:
        return {name: int(part.windows(name)[1].max(initial=0)) for name in part.infos}
    finally:
        part.close()
