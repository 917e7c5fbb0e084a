"""`neo://`: replay of recordings of other systems, read by Neo."""

from bisect import bisect_right
from pathlib import Path

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from crepe.electrodes.wells import channels_of_well, in_well
from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.instrument import DeviceSettings, EndOfData, Recorder
from crepe.hw.neo.reader import UNDESCRIBED, Description
from crepe.hw.neo.signal import NeoSignal, Span
from crepe.hw.optional_package import import_optional
from crepe.hw.pace import Pace
from crepe.messages import Segment, StreamInfo


class NeoSettings(DeviceSettings):
    """The settings of `neo:///PATH?stream=NAME&speed=0`."""

    location: str = Field(min_length=1)
    """Path of the recording: a file, or a folder such as one of Open Ephys."""
    reader: str = ""
    """Neo's raw reader, without `RawIO`: `OpenEphysBinary`, `NIX`, `RawBinarySignal`; by default
    the one that can read the recording."""
    block: NonNegativeInt = 0
    """Number of the block, from 0; in Open Ephys a block is an experiment."""
    stream: str = ""
    """Name or ID of the stream; by default the first of voltages."""
    well: str = ""
    """One well of a plate (`G0`) or one port of a controller (`A`): its channels are one culture;
    by default all channels."""
    speed: NonNegativeFloat = 1.0
    """Speed as a factor of real time, 0: as fast as it goes; gaps between segments pass at once."""
    segment_samples: PositiveInt = 100
    """Length of a segment, in samples."""
    sampling_rate_hz: PositiveFloat | None = None
    """Sampling rate of a raw binary file; other recordings keep their own."""
    n_channels: PositiveInt | None = None
    """Number of channels in a raw binary file; ignored for others."""
    dtype: str = Field("int16", pattern="^(int8|int16|int32|uint8|uint16|float32|float64)$")
    """Data type in a raw binary file; ignored for others."""
    scale_uv: PositiveFloat | None = None
    """Microvolts per count where the recording states no unit, as in a raw binary file."""


class NeoRecording(Recorder):
    """One stream of a recording; sample 0 is its first sample."""

    Settings = NeoSettings

    def __init__(self, settings: NeoSettings) -> None:
        import_optional("neo", "neo", "neo")  # a missing package shows before the start
        self._settings = settings
        self._signal: NeoSignal | None = None
        self._spans: list[Span] = []
        self._stops: list[int] = []
        self._position = 0

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(0.0, 0.0, "read from the file when it is due"),
            clock="the file's time stamps; replayed by this computer at `speed` times real time",
            verified=("labels, rate, units, type and gaps: as Neo reads them from the file",),
            not_verified=("that Neo's reader is right about the format",),
        )

    def open(self, position: int) -> StreamInfo:
        self.close()
        settings = self._settings
        self._signal = NeoSignal(
            Path(settings.location).expanduser(),
            reader=settings.reader,
            block=settings.block,
            stream=settings.stream,
            description=_description(settings),
            scale_uv=settings.scale_uv,
            segment_samples=settings.segment_samples,
        )
        self._spans = self._signal.spans
        self._stops = [span.stop for span in self._spans]
        self._position = position
        self._pace = Pace(self._signal.info.sampling_rate_hz, settings.speed)
        self._channels = channels_of_well(self._signal.info, settings.well)
        return in_well(self._signal.info, self._channels)

    def read(self, timeout_s: float) -> Segment | None:
        assert self._signal is not None, "open comes first"
        at = bisect_right(self._stops, self._position)
        if at == len(self._stops):
            raise EndOfData
        span = self._spans[at]
        start = max(self._position, span.start)
        stop = min(start + self._settings.segment_samples, span.stop)
        if not self._pace.wait(stop - start, timeout_s):
            return None
        samples = self._signal.samples(span, start, stop)[self._channels]
        self._position = stop
        is_estimated = span.is_estimated and start == span.start
        return Segment(start, stop, samples, self._pace.t_ns, is_estimated)

    def close(self) -> None:
        if self._signal is not None:
            self._signal.close()
            self._signal = None


def _description(settings: NeoSettings) -> Description | None:
    if settings.reader != UNDESCRIBED or not (settings.n_channels and settings.sampling_rate_hz):
        return None
    return Description(settings.n_channels, settings.sampling_rate_hz, settings.dtype)
