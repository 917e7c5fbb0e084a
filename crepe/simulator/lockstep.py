"""The simulated instrument in this process; reading a segment advances its time."""

# Decision 25: what lock-step changes.

from collections.abc import Sequence
from math import inf
from typing import Any

from crepe.electrodes.geometry import OWN_LAYOUT, with_geometry
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import DeviceError
from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.instrument import Guard, Recorder, Stimulator
from crepe.hw.meame.http import Control
from crepe.hw.meame.stimulator import MeameStimulator, StimulatorSettings
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings


class Lockstep:
    """Both halves of one simulated instrument, as fast as possible and reproducible."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.instrument = SimulatedMeame(settings)

    def open_recorder(
        self, url: str, *, sampling_rate_hz: int | None = None, segment_samples: int = 100
    ) -> Recorder:
        """Return the recorder, whatever the device's URL."""
        del url
        rate_hz = sampling_rate_hz or self.instrument.settings.sampling_rate_hz
        return _Recorder(self.instrument, rate_hz, segment_samples)

    def open_stimulator(self, url: str, guard: Guard, **settings: Any) -> Stimulator:
        """Return MEAME's stimulator with direct calls, whatever the device's URL."""
        del url, settings
        return MeameStimulator(StimulatorSettings(), guard, _Direct(self.instrument))


class _Recorder(Recorder):
    """Segments of the simulated instrument."""

    def __init__(
        self, instrument: SimulatedMeame, sampling_rate_hz: int, segment_samples: int
    ) -> None:
        self._instrument = instrument
        self._rate_hz = sampling_rate_hz
        self._n = segment_samples
        self._origin = self._position = (
            0  # sample index of the instrument's first sample; of the next
        )

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(0.0, 0.0, "time advances as samples are read"),
            clock="simulated time",
            verified=("everything: it is simulated in this process",),
            not_verified=(),
        )

    def open(self, position: int) -> StreamInfo:
        self._origin = self._position = position
        self._instrument.connect(self._rate_hz)
        info = StreamInfo(
            sampling_rate_hz=float(self._rate_hz),
            labels=MCS_60_LABELS,
            scale_uv=(self._instrument.settings.scale_uv,),
            segment_samples=self._n,
            longest_samples=self._n,
            is_live=True,
            is_simulated=True,
            source="MEAME simulator in lock-step",
        )
        return with_geometry(info, OWN_LAYOUT, info.source)

    def read(self, timeout_s: float) -> Segment:
        del timeout_s
        start, self._position = self._position, self._position + self._n
        # Simulated time, so that two runs give the same messages.
        t_ns = round(self._position / self._rate_hz * 1e9)
        return Segment(start, self._position, self._instrument.advance(self._n), t_ns)

    def truth(self, start: int, stop: int) -> Spikes:
        spikes = self._instrument.truth(start - self._origin, stop - self._origin)
        sample = spikes.sample + self._origin
        return Spikes(start, stop, spikes.channel, sample, spikes.amplitude_uv)

    def close(self) -> None:
        pass


class _Direct(Control):
    """The routes /DSP/... without HTTP."""

    def __init__(self, instrument: SimulatedMeame) -> None:
        self._instrument = instrument

    def is_our_simulator(self) -> bool:
        return True

    def call(self, function: int, arguments: Sequence[tuple[int, int]]) -> None:
        if not self._instrument.call(function, list(arguments)):
            raise DeviceError(f"DSP function {function}: not acknowledged")

    def write(self, addresses: Sequence[int], values: Sequence[int], within_s: float = inf) -> None:
        del within_s  # no time passes
        for address, value in zip(addresses, values, strict=True):
            self._instrument.dsp.write(address, value)

    def read(self, addresses: Sequence[int]) -> list[int]:
        return [self._instrument.dsp.read(address) for address in addresses]

    def close(self) -> None:
        pass
