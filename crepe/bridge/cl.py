"""A simulated culture, or a recording, as a data source for the simulator of the CL SDK.

An unmodified program of the CL API then plays with CREPE's culture, in lock-step:

    CL_SDK_DATA_SOURCE=crepe.bridge.cl:source CL_SDK_DATA_SOURCE_CONFIG='{"seed": 3}'

Or it reads a recorded session: `{"session": "last"}`.

The CL SDK is a program of others, under a licence of its own (CC BY-NC 4.0): it is no dependency,
and needs Python 3.12.
"""

# Decision 93: electrodes, times, and the gate.

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
)
from numpy.typing import NDArray
from scipy.signal import resample_poly

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.actors.stimulate import Stimulate
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import ConfigError
from crepe.hw.instrument import InProcess
from crepe.messages import Delivered, DeliveryState, Segment, Spikes, Stimulus, StreamInfo
from crepe.recording.choice import find_recording
from crepe.results.spikes import spikes_in
from crepe.results.streams import stream_of, streams_of
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.store import Store

log = logging.getLogger(__name__)

RATE_HZ = 25_000
N_CHANNELS = 64
SCALE_UV = 0.195
_SEGMENT = 25  # samples: a pulse waits for a segment at least
_MARGIN = 32  # steps of the common grid
_REQUESTER = "cl"


def source(session: str = "", **settings: Any) -> "CultureSource | RecordingSource":
    """Return the source.

    Parameters
    ----------
    session
        ID of a session, `last`, or the path of a recording; without it a simulated culture.
    settings
        Those of the simulated culture, such as `seed`.
    """
    if session:
        return RecordingSource(find_recording(session))
    return CultureSource(SimulatorSettings(**settings, sampling_rate_hz=RATE_HZ))


def channel_of(label: str) -> int:
    """Return the channel of CL's 8 x 8 grid, column by column, for a label such as `47`."""
    return 8 * (int(label[0]) - 1) + int(label[1]) - 1


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
        requests = StreamInfo("Stimulus", RATE_HZ, labels=info.labels, writer=f"{_REQUESTER}-0")
        context = ActorContext(
            inputs={"data": info, _REQUESTER: requests},
            monotonic_s=None,
            wall_ns=lambda: 0,
            open_stimulator=lockstep.open_stimulator,
            open_guard=InProcess,
            disarm=lambda: None,
        )
        self._channels = np.array([channel_of(label) for label in info.labels])
        self._labels = dict(zip(self._channels.tolist(), info.labels, strict=True))
        self._scale_uv = info.scale_uv[0]
        self._filter, self._detect = BandPass(), Detect()
        self._filter.open(context)
        filtered = self._filter.output_info(context)
        self._detect.open(ActorContext(inputs={"data:filtered": filtered}))
        self._stimulate = Stimulate(device="meame://simulated")
        self._stimulate.open(context)
        self._rate_hz = self._stimulate.limits.max_rate_hz  # one pulse lasts no longer than it must
        self._number = self._position = 0
        self._left: list[DataSourceStim] = []
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
        self._left += stims

    def close(self) -> None:
        """Stop the instrument; harmless to repeat."""
        if hasattr(self, "_stimulate"):
            self._stimulate.close()

    def _advance(self) -> Segment:
        segment = self._recorder.read(1.0)
        assert segment is not None
        self._position = segment.stop
        self._answer(self._stimulate.step_from("data", segment))
        self._stimulate.on_position(_REQUESTER, segment.stop)
        for stimulus in self._due(segment.stop):
            self._answer(self._stimulate.step_from(_REQUESTER, stimulus))
        return segment

    def _due(self, position: int) -> Iterable[Stimulus]:
        """Yield the requests of the pulses that are due before the end of the next segment."""
        at_once = defaultdict(list)
        is_due = [stim.timestamp < position + _SEGMENT for stim in self._left]
        for stim in [s for s, due in zip(self._left, is_due, strict=True) if due]:
            phases = tuple(zip(stim.phase_currents_uA, stim.phase_durations_us, strict=True))
            at_once[stim.timestamp, phases].append(stim.channel)
        self._left = [s for s, due in zip(self._left, is_due, strict=True) if not due]
        for (timestamp, phases), channels in sorted(at_once.items()):
            self._number += 1
            yield Stimulus(
                start=position - 1,
                stop=position,
                number=self._number,
                due=max(position, timestamp),
                electrodes=tuple(self._labels.get(c, f"channel {c}") for c in channels),
                phases=tuple((float(ua), float(us)) for ua, us in phases),
                rate_hz=self._rate_hz,
                n_pulses=1,
                meaning=_REQUESTER,
            )

    def _answer(self, messages: Iterable[Any]) -> None:
        for message in messages:
            self.delivered.append(message)
            if message.state not in (DeliveryState.INTENDED, DeliveryState.DELIVERED):
                log.warning("stimulus %d %s: %s", message.number, message.state, message.reason)

    def _add(self, segments: Sequence[Segment]) -> None:
        samples = np.concatenate([segment.samples for segment in segments], axis=1)
        segment = Segment(segments[0].start, segments[-1].stop, samples)
        frames = np.zeros((samples.shape[1], N_CHANNELS), np.int16)
        frames[:, self._channels] = _int16(samples.T * (self._scale_uv / SCALE_UV))
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


class RecordingSource(SimulatorDataSource):  # type: ignore[misc]
    """A recorded session of a 60-electrode array; where it has another rate it is resampled.

    The filter is the anti-aliasing FIR of `scipy.signal.resample_poly` (Kaiser window, beta 5).
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
        info = self._samples.info
        if not set(info.labels) <= set(MCS_60_LABELS):
            raise ConfigError(f"{self._path}: labels {info.labels[:3]}, must be of a 60MEA")
        if info.sampling_rate_hz != round(info.sampling_rate_hz):
            raise ConfigError(f"{self._path}: {info.sampling_rate_hz} Hz, must be a whole number")
        self._channels = [channel_of(label) for label in info.labels]
        divisor = math.gcd(RATE_HZ, round(info.sampling_rate_hz))
        self._up, self._down = RATE_HZ // divisor, round(info.sampling_rate_hz) // divisor
        self._spikes = stream_of(Spikes, self._store) if streams_of(Spikes, self._store) else None

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return the frames [from_timestamp, from_timestamp + frame_count) and their spikes."""
        stop = from_timestamp + frame_count
        # From a sample at which both grids meet, and far enough away that no edge is heard.
        first = (from_timestamp // self._up - _MARGIN) * self._down
        last = (stop // self._up + 1 + _MARGIN) * self._down
        begin, end = max(0, first), min(last, len(self._samples))
        counts = self._samples.read(begin, end, fill=0)
        samples_uv = counts * np.reshape(self._samples.info.scale_uv, (-1, 1))
        padded = np.pad(samples_uv, ((0, 0), (begin - first, last - end)))
        frames = np.zeros((frame_count, N_CHANNELS), np.int16)
        at = from_timestamp - first // self._down * self._up
        resampled = resample_poly(padded, self._up, self._down, axis=1) / SCALE_UV
        frames[:, self._channels] = _int16(resampled[:, at : at + frame_count].T)
        return DataSourceBatch(frames=frames, spikes=self._spikes_in(from_timestamp, stop))

    def _spikes_in(self, start: int, stop: int) -> list[DataSourceSpike]:
        if self._spikes is None:
            return []
        first, last = start * self._down // self._up, -(-stop * self._down // self._up)
        channel, sample, _ = spikes_in(self._spikes, first, last)
        timestamp = sample * self._up // self._down
        return [
            DataSourceSpike(t, self._channels[c])
            for t, c in zip(timestamp.tolist(), channel.tolist(), strict=True)
            if start <= t < stop
        ]

    def on_stims(self, stims: Sequence[DataSourceStim]) -> None:
        """Refuse them, in the log."""
        log.warning("%d pulses refused: a recording answers none", len(stims))

    def close(self) -> None:
        """Close the recording; harmless to repeat."""
        if hasattr(self, "_store"):
            self._store.close()


def _int16(counts: NDArray[Any]) -> NDArray[np.int16]:
    limits = np.iinfo(np.int16)
    whole: NDArray[np.int16] = np.clip(np.round(counts), limits.min, limits.max).astype(np.int16)
    return whole
