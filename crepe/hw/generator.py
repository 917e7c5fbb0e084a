"""`generator://`: noise with spikes at known times, the same on every run."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from crepe.electrodes.geometry import on_grid
from crepe.electrodes.layouts import grid_labels
from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.instrument import DeviceSettings, EndOfData, Recorder
from crepe.hw.pace import Pace
from crepe.messages import Segment, Spikes, StreamInfo

_SCALE_UV = 0.1  # microvolts per count
_SLOT_MS = 5.0  # at most one spike per channel and slot
_SHAPE_MS = 2.0  # length of a spike's waveform; its peak comes after a quarter of it
_BLOCK_SLOTS = 10  # slots that share one random state


class GeneratorSettings(DeviceSettings):
    """The settings of `generator://?n_channels=60&seed=1`; all have defaults."""

    n_channels: PositiveInt = 60
    """Number of channels."""
    sampling_rate_hz: PositiveFloat = 10_000.0
    """Sampling rate."""
    seed: NonNegativeInt = 1
    """Number from which all samples follow."""
    speed: NonNegativeFloat = 1.0
    """Speed as a factor of real time; 0: as fast as it goes."""
    duration_s: NonNegativeFloat = 0.0
    """Length of the data; 0: endless."""
    noise_uv: NonNegativeFloat = 5.0
    """Standard deviation of the Gaussian noise."""
    spike_rate_hz: float = Field(2.0, ge=0, le=100)
    """Mean rate of each channel; spikes of a channel are 3 ms apart or more."""
    spike_uv: NonNegativeFloat = 60.0
    """Depth of a spike's (negative) peak."""
    segment_samples: PositiveInt = 100
    """Length of a segment, in samples."""
    repeat_s: NonNegativeFloat = 0.0
    """Length of data that are drawn in advance and then repeated, in whole blocks of 50 ms: to
    measure programs, and not random numbers; 0: nothing is repeated."""


class _Block(NamedTuple):
    counts: NDArray[np.int32]  # (n_channels, n_samples)
    channel: NDArray[np.int32]  # of each spike, in order of time
    sample: NDArray[np.int64]  # offset of each spike's peak


class Generator(Recorder):
    """Gaussian noise and spikes of one shape, at times drawn from the seed.

    Time is divided into blocks of 10 slots of 5 ms. Each block has a random state of its own, from
    the seed and the block's number. So the value at a sample index depends neither on the position
    at which reading began nor on the length of the segments.
    """

    Settings = GeneratorSettings

    def __init__(self, settings: GeneratorSettings) -> None:
        self._settings = settings
        rate_hz = settings.sampling_rate_hz
        shape_samples = max(1, round(_SHAPE_MS * rate_hz / 1000))
        self._peak = shape_samples // 4
        self._shape_uv = settings.spike_uv * _shape(shape_samples, self._peak)
        self._slot = max(round(_SLOT_MS * rate_hz / 1000), shape_samples + 1)
        self._jitter = self._slot - shape_samples
        self._block_samples = _BLOCK_SLOTS * self._slot
        is_endless = settings.duration_s == 0
        self._length = None if is_endless else round(settings.duration_s * rate_hz)
        self._position = 0
        self._pace = Pace(rate_hz, settings.speed)
        self._n_repeated = 0
        if settings.repeat_s:
            self._n_repeated = max(1, round(settings.repeat_s * rate_hz / self._block_samples))
        # As a decorator on the method, the cache would keep every generator alive.
        self._block = lru_cache(maxsize=self._n_repeated or 4)(self._draw)

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(0.0, 0.0, "computed in this process when it is due"),
            clock="this computer, at `speed` times real time",
            verified=("everything: it is computed from the seed",),
            not_verified=(),
        )

    def open(self, position: int) -> StreamInfo:
        settings = self._settings
        self._position = position
        for number in range(self._n_repeated):
            self._block(number)
        self._pace = Pace(settings.sampling_rate_hz, settings.speed)
        info = StreamInfo(
            sampling_rate_hz=settings.sampling_rate_hz,
            labels=grid_labels(settings.n_channels),
            scale_uv=(_SCALE_UV,),
            segment_samples=settings.segment_samples,
            longest_samples=settings.segment_samples,
            is_simulated=True,
            source=f"generator, seed {settings.seed}",
        )
        return on_grid(info)

    def read(self, timeout_s: float) -> Segment | None:
        start = self._position
        stop = start + self._settings.segment_samples
        if self._length is not None:
            stop = min(stop, self._length)
        if stop <= start:
            raise EndOfData
        if not self._pace.wait(stop - start, timeout_s):
            return None
        self._position = stop
        return Segment(start, stop, self._samples(start, stop), self._pace.t_ns)

    def truth(self, start: int, stop: int) -> Spikes:
        blocks = list(self._blocks(start, stop))
        channel = np.concatenate([block.channel for _, block in blocks])
        sample = np.concatenate([begin + block.sample for begin, block in blocks])
        inside = (sample >= start) & (sample < stop)
        amplitude_uv = np.full(inside.sum(), -self._settings.spike_uv, np.float32)
        return Spikes(start, stop, channel[inside], sample[inside], amplitude_uv)

    def close(self) -> None:
        pass

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[int, _Block]]:
        """Yield the blocks that hold [start, stop), each with its first sample index."""
        first, last = start // self._block_samples, max(start, stop - 1) // self._block_samples
        for number in range(first, last + 1):
            drawn = number % self._n_repeated if self._n_repeated else number
            yield number * self._block_samples, self._block(drawn)

    def _draw(self, number: int) -> _Block:
        settings = self._settings
        random = np.random.default_rng([settings.seed, number])
        n_channels = settings.n_channels
        probability = settings.spike_rate_hz * self._slot / settings.sampling_rate_hz
        channel, slot = np.nonzero(random.random((n_channels, _BLOCK_SLOTS)) < probability)
        within = random.integers(self._jitter, size=slot.size)
        sample = slot * self._slot + within + self._peak
        order = np.lexsort((channel, sample))
        channel, sample = channel[order], sample[order]
        trace_uv = random.standard_normal((n_channels, self._block_samples), dtype=np.float32)
        trace_uv *= np.float32(settings.noise_uv)
        # A slot holds the whole of its spike, so no waveform reaches into another block.
        at = (sample - self._peak)[:, None] + np.arange(self._shape_uv.size)
        trace_uv[channel[:, None], at] += self._shape_uv
        counts = np.rint(trace_uv / np.float32(_SCALE_UV)).astype(np.int32)
        counts.flags.writeable = False  # segments are views of it
        return _Block(counts, channel.astype(np.int32), sample.astype(np.int64))

    def _samples(self, start: int, stop: int) -> NDArray[np.int32]:
        """Return (n_channels, stop - start) counts."""
        parts = [
            block.counts[:, max(0, start - begin) : stop - begin]
            for begin, block in self._blocks(start, stop)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _shape(n_samples: int, peak: int) -> NDArray[np.float32]:
    """Return a spike of depth 1: a narrow trough, lowest at `peak`, then a low hump."""
    t = (np.arange(n_samples) - peak) / n_samples
    wave = 0.3 * np.exp(-(((t - 0.2) / 0.12) ** 2)) - np.exp(-((t / 0.06) ** 2))
    return np.asarray(wave / -wave[peak], dtype=np.float32)
