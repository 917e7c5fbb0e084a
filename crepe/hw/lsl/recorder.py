"""`lsl://`: a stream of the Lab Streaming Layer as an instrument."""

# Decision 77: why a live stream is not described before it is there.

import logging
import time
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from crepe.errors import ConfigError, DeviceError
from crepe.hw.capabilities import Latency, RecorderCapabilities
from crepe.hw.instrument import DeviceSettings, Recorder
from crepe.hw.lsl.description import describe
from crepe.hw.lsl.sample_clock import SampleClock
from crepe.hw.optional_package import import_optional
from crepe.hw.segmenter import Segmenter
from crepe.messages import Segment, StreamInfo

log = logging.getLogger(__name__)

_BUFFER_S = 60  # of liblsl, which drops the oldest samples when it is full
_OTHERS_S = 0.3  # in which a second stream of the same name would answer
_DRIFT_PPM = 100.0  # worth a note; two quartz clocks are usually closer


class LslSettings(DeviceSettings):
    """The settings of `lsl://NAME?type=EEG`."""

    location: str = ""
    """Name of the stream; may be empty if `type` or `source_id` is given."""
    type: str = ""
    """Type of the stream, such as `EEG`; by default any."""
    source_id: str = ""
    """ID of the source; by default any, and after an outage that of before."""
    segment_samples: PositiveInt = 100
    """Length of a segment, in samples."""
    sampling_rate_hz: PositiveFloat | None = None
    """Sampling rate that the stream must have; its sender sets it."""
    scale_uv: PositiveFloat | None = None
    """Microvolts per unit of channels whose description states no voltage."""
    wait_s: PositiveFloat = 10.0
    """Longest wait for the stream to be seen on the network."""
    silence_s: PositiveFloat = 1.0
    """Time without a sample after which the stream counts as lost."""
    gap_s: PositiveFloat = 0.02
    """Shortest loss that is noticed, by the time stamps."""
    hold_s: PositiveFloat = 0.25
    """Time for which samples are held after a jump of the time stamps, to tell a loss from a
    delay."""


class LslRecorder(Recorder):
    """Segments from an inlet; gaps follow from the time stamps and are estimated."""

    Settings = LslSettings

    def __init__(self, settings: LslSettings) -> None:
        self._lsl = import_optional("pylsl", "pylsl", "lsl")  # a missing one shows before the start
        if not (settings.location or settings.type or settings.source_id):
            raise ConfigError("lsl://: needs a name, or ?type= or ?source_id=")
        self._settings = settings
        self._source_id = settings.source_id
        self._place = f"LSL stream {settings.location or settings.type or settings.source_id}"
        self._was_open = False
        self._inlet: Any = None
        self._info = StreamInfo()
        self._reset(0)

    def _reset(self, position: int) -> None:
        self._segmenter = Segmenter(position, self._settings.segment_samples)
        self._ready: deque[Segment] = deque()
        self._gaps: set[int] = set()  # samples before which some are missing
        self._n_missing, self._n_gaps = 0, 0
        self._sample_s = time.monotonic()

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            latency=Latency(source="one machine only"),
            clock="the sender's; its drift against the nominal rate is measured",
            verified=("labels, units and rate, as the stream's description states them",),
            not_verified=(
                "that the sender keeps to its description",
                "losses shorter than gap_s; the length of others follows from the time stamps",
            ),
        )

    def open(self, position: int) -> StreamInfo:
        self.close()
        settings = self._settings
        # Nothing waits long for one that was lost: the caller has heartbeats to send.
        wait_s = settings.silence_s if self._was_open else settings.wait_s
        inlet = self._lsl.StreamInlet(
            self._resolve(wait_s), max_buflen=_BUFFER_S, recover=False, as_numpy=True
        )
        try:
            about = inlet.info(wait_s)
            info = describe(about, settings.scale_uv, settings.segment_samples, self._place)
            inlet.open_stream(wait_s)
        except RuntimeError as error:  # of pylsl: lost, or timed out
            raise DeviceError(f"{self._place}: {error}") from error
        if settings.sampling_rate_hz not in (None, info.sampling_rate_hz):
            raise DeviceError(
                f"{self._place}: has {info.sampling_rate_hz:g} Hz, must have "
                f"{settings.sampling_rate_hz:g}"
            )
        self._reset(position)
        self._clock = SampleClock(info.sampling_rate_hz, settings.gap_s, settings.hold_s)
        self._inlet, self._was_open = inlet, True
        self._source_id = about.source_id()
        self._info = replace(
            info, origin_t_ns=time.time_ns(), source=f"{self._place} on {about.hostname()}"
        )
        return self._info

    @property
    def identity(self) -> str:
        return self._source_id

    @property
    def problem(self) -> str:
        texts = []
        if self._n_gaps:
            texts.append(f"{self._n_missing} samples missing, gaps: {self._n_gaps}")
        drift_ppm = self._clock.drift_ppm if self._was_open else 0.0
        if abs(drift_ppm) > _DRIFT_PPM:  # in steps, since each new text is a note
            texts.append(f"clock drift about {round(drift_ppm, -2):+.0f} ppm")
        return f"{self._place}: {', '.join(texts)}" if texts else ""

    def expected(self) -> StreamInfo | None:
        return None

    def read(self, timeout_s: float) -> Segment | None:
        if self._inlet is None:
            raise DeviceError(f"{self._place}: not open")
        deadline_s = time.monotonic() + timeout_s
        while not self._ready:
            now_s = time.monotonic()
            silent_s = now_s - self._sample_s
            if silent_s > self._settings.silence_s:
                raise DeviceError(f"{self._place}: silent for {silent_s:.1f} s")
            if now_s > deadline_s:
                return None
            left_s = min(deadline_s - now_s, self._settings.silence_s - silent_s)
            self._pull(left_s)
        return self._ready.popleft()

    def close(self) -> None:
        self._inlet = None  # disconnects with its last reference

    def _resolve(self, wait_s: float) -> Any:
        """Return the one stream that fits. Raises DeviceError for none and for several."""
        values = {
            "name": self._settings.location,
            "type": self._settings.type,
            "source_id": self._source_id,
        }
        predicate = " and ".join(f"{name}={_quoted(v)}" for name, v in values.items() if v)
        streams = self._lsl.resolve_bypred(predicate, 1, wait_s)
        if not streams:
            raise DeviceError(
                f"{self._place}: not seen in {wait_s:g} s ({predicate}); is its sender on, and do "
                "firewall and lsl_api.cfg let UDP port 16571 pass?"
            )
        if not self._source_id:
            streams = self._lsl.resolve_bypred(predicate, 2, _OTHERS_S) or streams
        sources = {stream.source_id() or stream.uid(): stream for stream in streams}
        if len(sources) > 1:
            raise DeviceError(
                f"{self._place}: several fit, with the source_id {', '.join(sorted(sources))}; "
                "choose by ?source_id="
            )
        return next(iter(sources.values()))

    def _pull(self, timeout_s: float) -> None:
        """Take what has come, up to what completes a segment at least."""
        n = self._settings.segment_samples
        try:
            samples, stamps = self._inlet.pull_chunk(timeout_s, 10 * n, min_samples=n)
        except RuntimeError as error:
            raise DeviceError(f"{self._place}: {error}") from error
        if not len(stamps):
            return
        self._sample_s = time.monotonic()
        t_ns = time.time_ns()
        try:
            parts = self._clock.add(self._converted(samples.T), stamps)
        except DeviceError as error:
            raise DeviceError(f"{self._place}: {error}") from error
        for part in parts:
            start = self._segmenter.position + part.n_missing
            if part.n_missing:
                self._gaps.add(start)
                self._n_gaps, self._n_missing = self._n_gaps + 1, self._n_missing + part.n_missing
                log.warning("%s: %d samples before %d missing", self._place, part.n_missing, start)
            for segment in self._segmenter.add(start, part.samples, t_ns):
                is_estimated = segment.start in self._gaps
                self._gaps.discard(segment.start)
                self._ready.append(replace(segment, is_estimated=is_estimated))

    def _converted(self, samples: NDArray[Any]) -> NDArray[Any]:
        dtype = np.dtype(self._info.dtype)
        if samples.dtype == np.int64 and np.abs(samples).max() > np.iinfo(dtype).max:
            raise DeviceError(
                f"{self._place}: up to {np.abs(samples).max()}, must fit into 32 bits"
            )
        converted: NDArray[Any] = samples.astype(dtype, copy=False)
        return converted


def _quoted(value: str) -> str:
    """Return a text as XPath has it. Raises ConfigError for one with both quotes."""
    if "'" in value and '"' in value:
        raise ConfigError(f"lsl://: {value!r}: may have one kind of quotes only")
    return f'"{value}"' if "'" in value else f"'{value}'"
