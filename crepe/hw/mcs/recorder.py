"""`hdf5://`: replay of recordings in the HDF5 layout of Multi Channel Systems."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.mcs.analog_stream import AnalogStream, Span
from crepe.hw.replay import Replay, ReplaySettings


class McsSettings(ReplaySettings):
    """The settings of `hdf5://PATH?speed=0`."""

    stream: str = ""
    """Label or name (`Stream_1`) of the analog stream; by default the first with raw electrode
    data."""
    recording: str = ""
    """Label or name of the recording in the file; by default the first."""
    sampling_rate_hz: PositiveFloat | None = None
    """Ignored: experiments may request a rate, but a recording keeps its own."""


class McsRecording(Replay[Span]):
    """One analog stream of a recording; sample 0 is its first sample."""

    Settings = McsSettings

    def __init__(self, settings: McsSettings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._notes: list[str] = []

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(0.0, 0.0, "read from the file when it is due"),
            clock="the file's time stamps; replayed by this computer at `speed` times real time",
            verified=("labels, rate, scale, type and gaps: they are in the file",),
            not_verified=(),
        )

    def _open_signal(self) -> AnalogStream:
        settings = self._settings
        stream = AnalogStream(
            Path(settings.location).expanduser(),
            recording=settings.recording,
            stream=settings.stream,
            segment_samples=settings.segment_samples,
        )
        self._notes = stream.notes
        return stream

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
        assert isinstance(self._signal, AnalogStream), "open comes first"
        return self._signal.stimuli
