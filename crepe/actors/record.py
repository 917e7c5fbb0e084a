"""Recorder of every message of the session, in one HDF5 file that MCS's readers open, too."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import ActorContext, Sink
from crepe.messages import Command, Message, StreamInfo

if TYPE_CHECKING:
    from crepe.recording.writer import RecordingWriter

_FLUSH_S = 1.0


class Record(Sink[Message, None]):
    """Recorder of all its input streams, in `<session>.h5`, flushed every second.

    After a restart it continues where the file ends. A file that cannot be continued is set aside,
    and a new one begins with everything that Redis still has: that is complete, while no part of a
    damaged file is certain. Raises DeviceError if the file cannot be written.
    """

    spare_mb: PositiveFloat = 64.0
    """Space that must stay free on the disk; with less, recording stops with an error."""

    merges: ClassVar[bool] = False
    priority: ClassVar[int] = 30

    _writer: "RecordingWriter" = PrivateAttr()
    _clock: StreamInfo = PrivateAttr()
    _flushed: int = PrivateAttr(0)  # newest sample index at the last flush
    _complete: dict[str, int] = PrivateAttr(default_factory=dict)  # stop of the last whole window
    _window: tuple[str, int] | None = PrivateAttr(
        None
    )  # stream and stop of the window whose messages may still come
    _is_rested: bool = PrivateAttr(True)  # all messages are in the file

    def open(self, context: ActorContext) -> None:
        # Not above: every program imports this class, and only the recorder needs h5py.
        from crepe.recording.mcs_layout import About
        from crepe.recording.writer import RecordingWriter

        self._clock = context.first
        is_simulated = any(info.is_simulated for info in context.inputs.values())
        culture = dict(context.culture)
        if is_simulated:
            culture.pop("species", None)
        about = About(
            session=context.session,
            seed=context.seed,
            experiment=context.experiment,
            culture=culture,
            is_simulated=is_simulated,
            origin_t_ns=self._clock.origin_t_ns,
        )
        path = context.recordings / f"{context.session}.h5"
        self._writer = RecordingWriter(path, about, context.inputs, self.spare_mb)
        self._flushed = max(self._writer.positions.values())

    def on_position(self, stream: str, position: int) -> None:
        self._end_window()
        self._window = (stream, position)

    def step_from(self, stream: str, message: Message) -> None:
        if not self._writer.has(stream):
            self._writer.add(stream, self._info_outside(message))
        is_due = message.stop - self._flushed >= _FLUSH_S * self._clock.sampling_rate_hz
        # Messages of a window are committed together: a flush comes only before a later window.
        if is_due and message.stop > self._writer.newest(stream):
            self._writer.commit()
            self._flushed = message.stop
        self._writer.append(stream, message)
        self._is_rested = False

    def on_silence(self, elapsed_s: float) -> None:
        self._end_window()
        if elapsed_s >= _FLUSH_S and not self._is_rested:
            # Without new samples the last chunk would not fill up, and a crash would lose it.
            self._writer.commit(with_rest=True)
            self._is_rested = True

    def finish(self) -> None:
        self._writer.end()

    def positions(self) -> Mapping[str, int]:
        positions = self._writer.positions
        for stream, stop in self._complete.items():
            if positions[stream] >= self._writer.newest(stream):  # only empty windows came since
                positions[stream] = max(positions[stream], stop)
        return positions

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
            # Called when the next window begins or none comes: this one has all its messages.
            stream, stop = self._window
            self._complete[stream] = stop

    def _info_outside(self, message: Message) -> StreamInfo:
        """Return the description of a stream outside the clock, on the clock of the recording."""
        assert isinstance(message, Command)
        rate_hz = self._clock.sampling_rate_hz
        return StreamInfo("Command", rate_hz, segment_samples=1, longest_samples=1)
