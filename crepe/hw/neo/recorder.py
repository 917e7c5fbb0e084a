"""`neo://`: replay of recordings of other systems, read by Neo."""

from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.neo.reader import UNDESCRIBED, Description
from crepe.hw.neo.signal import NeoSignal, Span
from crepe.hw.optional_package import import_optional
from crepe.hw.replay import Replay, ReplaySettings


class NeoSettings(ReplaySettings):
    """The settings of `neo:///PATH?stream=NAME&speed=0`."""

    reader: str = ""
    """Neo's raw reader, without `RawIO`: `OpenEphysBinary`, `NIX`, `RawBinarySignal`; by default
    the one that can read the recording."""
    block: NonNegativeInt = 0
    """Number of the block, from 0; in Open Ephys a block is an experiment."""
    stream: str = ""
    """Name or ID of the stream; by default the first of voltages."""
    sampling_rate_hz: PositiveFloat | None = None
    """Sampling rate of a raw binary file; other recordings keep their own."""
    n_channels: PositiveInt | None = None
    """Number of channels in a raw binary file; ignored for others."""
    dtype: str = Field("int16", pattern="^(int8|int16|int32|uint8|uint16|float32|float64)$")
    """Data type in a raw binary file; ignored for others."""
    scale_uv: PositiveFloat | None = None
    """Microvolts per count where the recording states no unit, as in a raw binary file."""


class NeoRecording(Replay[Span]):
    """One stream of a recording; sample 0 is its first sample."""

    Settings = NeoSettings

    def __init__(self, settings: NeoSettings) -> None:
        import_optional("neo", "neo", "neo")  # a missing package shows before the start
        super().__init__(settings)
        self._settings = settings

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(0.0, 0.0, "read from the file when it is due"),
            clock="the file's time stamps; replayed by this computer at `speed` times real time",
            verified=("labels, rate, units, type and gaps: as Neo reads them from the file",),
            not_verified=("that Neo's reader is right about the format",),
        )

    def _open_signal(self) -> NeoSignal:
        settings = self._settings
        return NeoSignal(
            Path(settings.location).expanduser(),
            reader=settings.reader,
            block=settings.block,
            stream=settings.stream,
            description=_description(settings),
            scale_uv=settings.scale_uv,
            segment_samples=settings.segment_samples,
        )


def _description(settings: NeoSettings) -> Description | None:
    if settings.reader != UNDESCRIBED or not (settings.n_channels and settings.sampling_rate_hz):
        return None
    return Description(settings.n_channels, settings.sampling_rate_hz, settings.dtype)
