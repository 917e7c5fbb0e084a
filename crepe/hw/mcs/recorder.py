"""`hdf5://`: replay of recordings in the HDF5 layout of Multi Channel Systems."""

from bisect import bisect_right
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from crepe.electrodes.wells import channels_of_well, in_well
from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.instrument import DeviceSettings, EndOfData, Recorder
from crepe.hw.mcs.analog_stream import AnalogStream, Span
from crepe.hw.pace import Pace
from crepe.messages import Segment, StreamInfo


class McsSettings(DeviceSettings):
    """The settings of `hdf5://PATH?speed=0`."""

    location: str = Field(min_length=1)
    """Path of the recording."""
    speed: NonNegativeFloat = 1.0
    """Speed as a factor of real time, 0: as fast as it goes; gaps between segments pass at once."""
    stream: str = ""
    """Label or name (`Stream_1`) of the analog stream; by default the first with raw electrode
    data."""
    recording: str = ""
    """Label or name of the recording in the file; by default the first."""
    well: str = ""
    """One well of a plate (`G0`) or one port of a controller (`A`): its channels are one culture;
    by default all channels."""
    segment_samples: PositiveInt = 100
    """Length of a segment, in samples."""
    sampling_rate_hz: PositiveFloat | None = None
    """Ignored: experiments may request a rate, but a recording keeps its own."""


class McsRecording(Recorder):
    """One analog stream of a recording; sample 0 is its first sample."""

    Settings = McsSettings

    def __init__(self, settings: McsSettings) -> None:
        self._settings = settings
        self._stream: AnalogStream | None = None
        self._spans: list[Span] = []
        self._notes: list[str] = []
        self._stops: list[int] = []
        self._position = 0

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(0.0, 0.0, "read from the file when it is due"),
            clock="the file's time stamps; replayed by this computer at `speed` times real time",
            verified=("labels, rate, scale, type and gaps: they are in the file",),
            not_verified=(),
        )

    def open(self, position: int) -> StreamInfo:
        self.close()
        settings = self._settings
        self._stream = AnalogStream(
            Path(settings.location).expanduser(),
            recording=settings.recording,
            stream=settings.stream,
            segment_samples=settings.segment_samples,
        )
        self._spans, self._notes = self._stream.spans, self._stream.notes
        self._stops = [span.stop for span in self._spans]
        self._position = position
        self._pace = Pace(self._stream.info.sampling_rate_hz, settings.speed)
        self._channels = channels_of_well(self._stream.info, settings.well)
        return in_well(self._stream.info, self._channels)

    @property
    def n_samples(self) -> int:
        """Number of samples in the recording, without its gaps; 0 before `open`."""
        return sum(span.stop - span.start for span in self._spans)

    @property
    def notes(self) -> list[str]:
        """Sentences on what else the file has, and what was taken of it; none before `open`."""
        return list(self._notes)

    @property
    def stimuli(self) -> NDArray[np.int64]:
        """Windows of the recorded stimulation events: (n_events, 2), sample indices."""
        assert self._stream is not None, "open comes first"
        return self._stream.stimuli

    def read(self, timeout_s: float) -> Segment | None:
        assert self._stream is not None, "open comes first"
        at = bisect_right(self._stops, self._position)
        if at == len(self._stops):
            raise EndOfData
        span = self._stream.spans[at]
        start = max(self._position, span.start)
        stop = min(start + self._settings.segment_samples, span.stop)
        if not self._pace.wait(stop - start, timeout_s):
            return None
        samples = self._stream.samples(span, start, stop)[self._channels]
        self._position = stop
        return Segment(start, stop, samples, self._pace.t_ns)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
