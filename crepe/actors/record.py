"""Keeps every message of the session in one HDF5 file that MCS's readers open, too."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import ActorContext, Sink
from crepe.messages import Command, Message, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter

_FLUSH_S = 1.0


class Record(Sink[Message, None]):
    """All streams it reads, written to `<session>.h5` and flushed every second.

    Killed and started again, it goes on where the file ends. A file that cannot be continued is set
    aside, and a new one begins with everything that Redis still has: that is whole, while of a
    damaged file no part is certain. Raises DeviceError if the file cannot be written.
    """

    spare_mb: PositiveFloat = 64.0
    """What must stay free on the disk; less, and recording stops with an error."""

    merges: ClassVar[bool] = False
    priority: ClassVar[int] = 30

    _writer: RecordingWriter = PrivateAttr()
    _clock: StreamInfo = PrivateAttr()
    _flushed: int = PrivateAttr(0)  # newest sample index at the last flush
    _taken: dict[str, int] = PrivateAttr(default_factory=dict)  # windows up to there, whole
    _window: tuple[str, int] | None = PrivateAttr(None)  # its messages may still come
    _is_rested: bool = PrivateAttr(True)  # nothing came since all was written

    def open(self, start: ActorContext) -> None:
        self._clock = start.first
        is_simulated = any(info.is_simulated for info in start.inputs.values())
        culture = dict(start.culture)
        if is_simulated:
            culture.pop("species", None)
        about = About(
            session=start.session,
            seed=start.seed,
            experiment=start.experiment,
            culture=culture,
            is_simulated=is_simulated,
            origin_t_ns=self._clock.origin_t_ns,
        )
        path = start.recordings / f"{start.session}.h5"
        self._writer = RecordingWriter(path, about, start.inputs, self.spare_mb)
        self._flushed = max(self._writer.positions.values())

    def on_position(self, stream: str, position: int) -> None:
        self._end_window()
        self._window = (stream, position)

    def step_from(self, stream: str, message: Message) -> None:
        if not self._writer.has(stream):
            self._writer.add(stream, self._outside(message))
        is_due = message.stop - self._flushed >= _FLUSH_S * self._clock.sampling_rate_hz
        # Messages of one window stand or fall together, so a flush comes before a later one only.
        if is_due and message.stop > self._writer.newest(stream):
            self._writer.commit()
            self._flushed = message.stop
        self._writer.append(stream, message)
        self._is_rested = False

    def on_silence(self, elapsed_s: float) -> None:
        self._end_window()
        if elapsed_s >= _FLUSH_S and not self._is_rested:
            self._writer.commit(with_rest=True)
            self._is_rested = True

    def finish(self) -> None:
        self._writer.end()

    def positions(self) -> Mapping[str, int]:
        found = self._writer.positions
        for stream, stop in self._taken.items():
            if found[stream] >= self._writer.newest(stream):  # what came since were empty windows
                found[stream] = max(found[stream], stop)
        return found

    def covered(self, stream: str) -> int:
        return max(self.positions().get(stream, 0), self._writer.stop_before(stream))

    @property
    def problem(self) -> str:
        return self._writer.problem

    def close(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.close()

    def _end_window(self) -> None:
        if self._window is not None:
            stream, stop = self._window
            self._taken[stream] = stop

    def _outside(self, message: Message) -> StreamInfo:
        """For a stream that has no clock of its own."""
        assert isinstance(message, Command)
        rate_hz = self._clock.sampling_rate_hz
        return StreamInfo("Command", rate_hz, segment_samples=1, longest_samples=1)
