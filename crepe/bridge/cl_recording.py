"""A recorded session as a data source for the simulator of the CL SDK."""

# Decision 93: how blocks of another rate join.

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)

from crepe.bridge.cl_frames import N_CHANNELS, RATE_HZ, SCALE_UV, Frames
from crepe.messages import Segment, Spikes
from crepe.results.spikes import spikes_in
from crepe.results.streams import stream_of, streams_of
from crepe.store import Store

log = logging.getLogger(__name__)


class RecordingSource(SimulatorDataSource):  # type: ignore[misc]
    """A recorded session of a 60-electrode array; where it has another rate it is resampled.

    Missing samples are 0, spikes are those recorded. A recording answers no stimulus: each is a
    warning in the program's log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        """Description for the CL simulator."""
        with Store(self._path) as store:
            samples = stream_of(Segment, store)
            n_frames = int(len(samples) * RATE_HZ / samples.info.sampling_rate_hz)
        return SimulatorDataSourceMetadata(
            channel_count=N_CHANNELS,
            frames_per_second=RATE_HZ,
            uV_per_sample_unit=SCALE_UV,
            duration_frames=n_frames,
        )

    def open(self) -> None:
        """Open the recording. Raises ConfigError for another array or an unfit rate."""
        self._store = Store(self._path)
        self._samples = stream_of(Segment, self._store)
        self._frames = Frames(self._samples.info, str(self._path))
        self._spikes = stream_of(Spikes, self._store) if streams_of(Spikes, self._store) else None

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return the frames [from_timestamp, from_timestamp + frame_count) and their spikes."""
        stop = from_timestamp + frame_count
        first, last = self._frames.window(from_timestamp, stop)
        begin, end = max(0, first), min(last, len(self._samples))
        samples = self._samples.read(begin, end, fill=0)
        padded = np.pad(samples, ((0, 0), (begin - first, last - end)))
        frames = self._frames.of(padded, from_timestamp, stop)
        return DataSourceBatch(frames=frames, spikes=self._spikes_in(from_timestamp, stop))

    def _spikes_in(self, start: int, stop: int) -> list[DataSourceSpike]:
        if self._spikes is None:
            return []
        first, last = self._frames.sample(start), self._frames.sample(stop) + 1
        channel, sample, _ = spikes_in(self._spikes, first, last)
        channels = self._frames.channels[channel].tolist()
        return [
            DataSourceSpike(t, c)
            for t, c in zip(self._frames.timestamp(sample).tolist(), channels, strict=True)
            if start <= t < stop
        ]

    def on_stims(self, stims: Sequence[DataSourceStim]) -> None:
        """Refuse them, in the log."""
        log.warning("%d pulses refused: a recording answers none", len(stims))

    def close(self) -> None:
        """Close the recording; harmless to repeat."""
        if hasattr(self, "_store"):
            self._store.close()
