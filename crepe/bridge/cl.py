"""A simulated culture as a data source for the simulator of the CL SDK; and the choice of a source.

An unmodified program of the CL API then plays with CREPE's culture, in lock-step:

    CL_SDK_DATA_SOURCE=crepe.bridge.cl:source CL_SDK_DATA_SOURCE_CONFIG='{"seed": 3}'

Or with a running experiment, `{"running": true}`; or it reads a session, `{"session": "last"}`.

The CL SDK is a program of others, under a licence of its own (CC BY-NC 4.0): it is no dependency,
and needs Python 3.12.
"""

# Decision 93: electrodes, times, and the gate.

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.actors.stimulate import Stimulate
from crepe.bridge.cl_frames import N_CHANNELS, RATE_HZ, SCALE_UV, Frames
from crepe.bridge.cl_live import LiveSource
from crepe.bridge.cl_recording import RecordingSource
from crepe.bridge.cl_requests import (
    PULSE,
    REQUESTER,
    ClRequests,
    Pulse,
    log_undelivered,
    pulses,
)
from crepe.hw.instrument import InProcess
from crepe.messages import Command, Delivered, Segment, Spikes, Stimulus, StreamInfo
from crepe.recording.choice import find_recording
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings

_SEGMENT = 25  # samples: a pulse waits for a segment at least


def source(
    session: str = "", *, running: bool = False, **settings: Any
) -> "CultureSource | LiveSource | RecordingSource":
    """Return the source; by default a simulated culture in lock-step.

    Parameters
    ----------
    session
        ID of a session, `last`, or the path of a recording, which is read instead.
    running
        The user's running experiment, in real time; or that on the server of CREPE_REDIS.
    settings
        Those of the simulated culture, such as `seed`.
    """
    if running:
        return LiveSource()
    if session:
        return RecordingSource(find_recording(session))
    return CultureSource(SimulatorSettings(**settings, sampling_rate_hz=RATE_HZ))


class CultureSource(SimulatorDataSource):  # type: ignore[misc]
    """A simulated culture whose time advances as the CL simulator reads.

    SIMULATED: no culture lives. Spikes are those of `BandPass` and `Detect` with their defaults.
    Stimuli pass CREPE's gate, with the requester `cl`; what it refuses is a warning in the
    program's log. `delivered` holds every answer.
    """

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self.delivered: list[Delivered] = []

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        """Description for the CL simulator."""
        return SimulatorDataSourceMetadata(
            channel_count=N_CHANNELS,
            frames_per_second=RATE_HZ,
            uV_per_sample_unit=SCALE_UV,
            seekable=False,
        )

    def open(self) -> None:
        """Begin at sample 0, in the simulator's own process."""
        lockstep = Lockstep(self._settings)
        self._recorder = lockstep.open_recorder(
            "", sampling_rate_hz=RATE_HZ, segment_samples=_SEGMENT
        )
        info = self._recorder.open(0)
        requests = StreamInfo("Stimulus", RATE_HZ, labels=info.labels, writer=f"{REQUESTER}-0")
        context = ActorContext(
            inputs={"data": info, REQUESTER: requests},
            monotonic_s=None,
            wall_ns=lambda: 0,
            open_stimulator=lockstep.open_stimulator,
            open_guard=InProcess,
            disarm=lambda: None,
        )
        self._as_frames = Frames(info, info.source)
        self._channels = self._as_frames.channels
        self._labels = dict(zip(self._channels.tolist(), info.labels, strict=True))
        self._filter, self._detect = BandPass(), Detect()
        self._filter.open(context)
        filtered = self._filter.output_info(context)
        self._detect.open(ActorContext(inputs={"data:filtered": filtered}))
        self._stimulate = Stimulate(device="meame://simulated")
        self._stimulate.open(context)
        self._requests = ClRequests()
        self._requests.open(context)
        self._position = 0
        self._left: list[Pulse] = []
        self._frames = np.empty((0, N_CHANNELS), np.int16)
        self._first = 0  # timestamp of the first of the frames that are kept
        self._spikes: list[DataSourceSpike] = []

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return the frames [from_timestamp, from_timestamp + frame_count) and their spikes."""
        stop = from_timestamp + frame_count
        segments = []
        while self._position < stop:
            segments.append(self._advance())
        if segments:
            self._add(segments)
        frames = self._frames[from_timestamp - self._first : stop - self._first]
        self._frames, self._first = self._frames[stop - self._first :], stop
        spikes = [spike for spike in self._spikes if from_timestamp <= spike.timestamp < stop]
        self._spikes = [spike for spike in self._spikes if spike.timestamp >= stop]
        return DataSourceBatch(frames=frames, spikes=spikes)

    def on_stims(self, stims: Sequence[DataSourceStim]) -> None:
        """Request pulses; those of one moment and shape are one request of several electrodes."""
        self._left += pulses(stims, self._labels)

    def close(self) -> None:
        """Stop the instrument; harmless to repeat."""
        if hasattr(self, "_stimulate"):
            self._stimulate.close()

    def _advance(self) -> Segment:
        segment = self._recorder.read(1.0)
        assert segment is not None
        self._position = segment.stop
        self._answer(self._stimulate.step_from("data", segment))
        self._stimulate.on_position(REQUESTER, segment.stop)
        for pulse in self._due(segment.stop):
            command = Command(segment.stop - 1, segment.stop, PULSE, pulse.model_dump_json())
            for message in self._requests.step(command):
                if isinstance(message, Stimulus):
                    self._answer(self._stimulate.step_from(REQUESTER, message))
        return segment

    def _due(self, position: int) -> list[Pulse]:
        """Take the pulses that are due before the end of the next segment."""
        due = [pulse for pulse in self._left if pulse.sample < position + _SEGMENT]
        self._left = [pulse for pulse in self._left if pulse not in due]
        return due

    def _answer(self, answers: Iterable[Any]) -> None:
        for answer in answers:
            self.delivered.append(answer)
            log_undelivered(answer)

    def _add(self, segments: Sequence[Segment]) -> None:
        samples = np.concatenate([segment.samples for segment in segments], axis=1)
        segment = Segment(segments[0].start, segments[-1].stop, samples)
        frames = self._as_frames.of(samples, segment.start, segment.stop)
        self._frames = np.concatenate([self._frames, frames])
        for filtered in _each(self._filter.step(segment)):
            for spikes in _each(self._detect.step(filtered)):
                assert isinstance(spikes, Spikes)
                self._spikes += [
                    DataSourceSpike(max(sample, self._first), int(self._channels[channel]))
                    for sample, channel in zip(
                        spikes.sample.tolist(), spikes.channel.tolist(), strict=True
                    )
                ]


def _each(output: Any) -> Iterable[Any]:
    return () if output is None else output if isinstance(output, Iterable) else (output,)
