"""Replay of recorded files: what the instruments that read them share."""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveInt

from crepe.electrodes.wells import channels_of_well, in_well
from crepe.hw.instrument import DeviceSettings, EndOfData, Recorder
from crepe.hw.pace import Pace
from crepe.messages import Segment, StreamInfo


class ReplaySettings(DeviceSettings):
    """The settings of every device that is a recording."""

    location: str = Field(min_length=1)
    """Path of the recording; in some formats, such as that of Open Ephys, it is a folder."""
    well: str = ""
    """One well of a plate (`G0`) or one port of a controller (`A`): its channels are one culture;
    by default all channels."""
    speed: NonNegativeFloat = 1.0
    """Speed as a factor of real time, 0: as fast as it goes; gaps between segments pass at once."""
    segment_samples: PositiveInt = 100
    """Length of a segment, in samples."""


class RecordedSpan(Protocol):
    """Consecutive samples [start, stop) of a recording; gaps lie between spans."""

    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def is_estimated(self) -> bool:
        """Whether the file does not tell how long the gap before it was."""


AnySpan = TypeVar("AnySpan", bound=RecordedSpan)


class RecordedSignal(Protocol[AnySpan]):
    """One stream of a recording that is open for reading; sample 0 is its first sample."""

    info: StreamInfo
    spans: list[AnySpan]

    def samples(self, span: AnySpan, start: int, stop: int) -> NDArray[Any]:
        """Return samples [start, stop) of a span: (n_channels, stop - start)."""

    def close(self) -> None:
        """Close the file."""


class Replay(Recorder, Generic[AnySpan]):
    """One stream of a recording, in segments that never cross a gap, at the pace of `speed`."""

    def __init__(self, settings: ReplaySettings) -> None:
        self._replay_settings = settings
        self._signal: RecordedSignal[AnySpan] | None = None
        self._spans: Sequence[AnySpan] = ()
        self._stops: list[int] = []
        self._position = 0

    @abstractmethod
    def _open_signal(self) -> RecordedSignal[AnySpan]:
        """Open the file. Raises DeviceError."""

    def open(self, position: int) -> StreamInfo:
        self.close()
        self._signal = self._open_signal()
        self._spans = self._signal.spans
        self._stops = [span.stop for span in self._spans]
        self._position = position
        self._pace = Pace(self._signal.info.sampling_rate_hz, self._replay_settings.speed)
        self._channels = channels_of_well(self._signal.info, self._replay_settings.well)
        return in_well(self._signal.info, self._channels)

    def read(self, timeout_s: float) -> Segment | None:
        assert self._signal is not None, "open comes first"
        at = bisect_right(self._stops, self._position)
        if at == len(self._stops):
            raise EndOfData
        span = self._spans[at]
        start = max(self._position, span.start)
        stop = min(start + self._replay_settings.segment_samples, span.stop)
        if not self._pace.wait(stop - start, timeout_s):
            return None
        samples = self._signal.samples(span, start, stop)
        if self._replay_settings.well:
            samples = samples[self._channels]
        self._position = stop
        is_estimated = span.is_estimated and start == span.start
        return Segment(start, stop, samples, self._pace.t_ns, is_estimated)

    def close(self) -> None:
        if self._signal is not None:
            self._signal.close()
            self._signal = None
