"""Segments from an instrument, on the session's clock."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import PositiveFloat, PositiveInt, PrivateAttr

from crepe.actors.actor import ActorContext, Output, Source
from crepe.electrodes.geometry import with_geometry
from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData, Recorder
from crepe.hw.outage_clock import OutageClock
from crepe.hw.session_instrument import SessionInstrument
from crepe.messages import Command, Message, Segment, Spikes, StreamInfo

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0  # between attempts to reach a lost instrument


class Acquire(Source[None, Segment | Spikes | Command]):
    """The samples of an instrument, its true spikes and its digital events where it can give them.

    The sample index follows real time. After an outage of a live instrument, or of this program,
    the index jumps by the number of missing samples. That number is estimated from the clock since
    boot, which no setting of the wall clock moves, and only after a restart of the computer from
    the wall clock. It is in whole segments, and the segment after such a gap has `is_estimated`;
    the rest of the rounding counts in the next gap. An instrument that has to catch up first is
    waited for. A recording or a generator continues where it was, without a gap.
    """

    device: str
    """The instrument: a URL such as `meame://HOST:8888`, `hdf5://PATH` or `generator://`, or the
    import path of a recorder."""
    sampling_rate_hz: PositiveFloat | None = None
    """Sampling rate to request of an instrument that can be set; by default the device's own."""
    segment_samples: PositiveInt | None = None
    """Length of a segment, in samples; by default the device's own."""
    geometry: str = ""
    """Positions of the electrodes: the name of an array such as `60MEA200` or `120MEA100`, or the
    path of a probeinterface file (`.json`); by default those that the device knows."""
    publish_truth: bool = False
    """Write the true spikes of a simulated instrument to the second stream of `writes`, which must
    be `data:truth`: for validation, so only `Record` may read it."""

    truth_type: ClassVar[type[Message] | None] = Spikes
    priority: ClassVar[int] = 80

    _recorder: Recorder = PrivateAttr()
    _info: StreamInfo = PrivateAttr()
    _instrument: SessionInstrument = PrivateAttr()
    _position: int = PrivateAttr(0)  # where the last segment stopped
    _shift: int = PrivateAttr(0)  # from the recorder's sample index to the session's
    _clock: OutageClock = PrivateAttr()
    _held: list[Segment] | None = PrivateAttr(None)  # after an outage, until the gap is estimated
    _ready: deque[Segment] = PrivateAttr(default_factory=deque)
    _wait_s: float = PrivateAttr(0.0)  # until the next attempt; 0 while connected
    _attempt_s: float = PrivateAttr(0.0)  # monotonic clock at the last attempt

    def open(self, context: ActorContext) -> None:
        self._position = context.position
        self._recorder = self._make(context.open_recorder)
        info = self._info = self.described(self._recorder.open(self._position))
        self._clock = OutageClock(
            None if context.monotonic_s is None else context.clocks,
            "" if context.monotonic_s is None else context.boot_id(),
            sampling_rate_hz=info.sampling_rate_hz,
            segment_samples=info.segment_samples,
        )
        if info.is_live and context.position > 0:
            before = context.snapshot or {}
            # An instrument only has the time of its last opening; sample 0 keeps its own.
            self._info = replace(info, origin_t_ns=before.get("origin_t_ns", info.origin_t_ns))
            self._clock.resume(before, self._position)
            self._expect_gap()
        self._instrument = SessionInstrument(info, self._recorder.identity, context.disarm)
        if self.publish_truth and self._recorder.truth(0, 1) is None:
            raise ConfigError(f"publish_truth: {self.device!r} gives no true spikes")
        log.info("%s: %d channels at %g Hz", info.source, info.n_channels, info.sampling_rate_hz)
        if self.sampling_rate_hz not in (None, info.sampling_rate_hz):
            log.warning("%s: not the %g Hz requested", info.source, self.sampling_rate_hz)

    def output_info(self, context: ActorContext) -> StreamInfo:
        del context
        return self._info

    def read(self, timeout_s: float) -> Output:
        if not self._ready and (self._wait_s == 0 or self._reconnect(timeout_s)):
            self._fetch(timeout_s)
        if not self._ready:
            return None
        segment = self._ready.popleft()
        self._position = segment.stop
        others: list[Message] = [self._truth(segment)] if self.publish_truth else []
        others += self._events(segment.stop)
        return [segment, *others] if others else segment

    def snapshot(self) -> Mapping[str, Any] | None:
        clock = self._clock.snapshot()
        return None if clock is None else {**clock, "origin_t_ns": self._info.origin_t_ns}

    def close(self) -> None:
        if hasattr(self, "_recorder"):  # called even if `open` failed
            self._recorder.close()

    def expected(self) -> StreamInfo | None:
        info = self._make(open_recorder).expected()
        return None if info is None else self.described(info)

    def described(self, info: StreamInfo) -> StreamInfo:
        """Return the device's description, with the positions of `geometry`."""
        if len(set(info.labels)) < len(info.labels):
            repeated = next(x for x in info.labels if info.labels.count(x) > 1)
            raise DeviceError(f"{info.source}: several channels are labelled {repeated!r}")
        return with_geometry(info, self.geometry, f"geometry of {self.device!r}")

    def _make(self, open_recorder: Callable[..., Recorder]) -> Recorder:
        settings = {
            name: value
            for name in ("sampling_rate_hz", "segment_samples")
            if (value := getattr(self, name)) is not None
        }
        return open_recorder(self.device, **settings)

    def _fetch(self, timeout_s: float) -> None:
        """Append the instrument's next segment to `_ready`, if there is one."""
        try:
            segment = self._recorder.read(timeout_s)
        except DeviceError as error:
            if not self._info.is_live:
                raise
            self._start_outage(error)
            return
        except EndOfData:
            # Held segments go out first; the next read raises the end again.
            if not self._held:
                raise
            self._settle()
            return
        self._clock.look(self._position)
        if segment is None:
            return
        if self._held is None:
            self._emit(segment)
            return
        self._held.append(segment)
        if self._clock.is_settled(self._held):
            self._settle()

    def _emit(self, segment: Segment, *, is_estimated: bool = False) -> None:
        if self._shift or is_estimated:
            segment = replace(
                segment,
                start=segment.start + self._shift,
                stop=segment.stop + self._shift,
                is_estimated=is_estimated,
            )
        if self._info.is_live:
            self._clock.note(segment)
        self._ready.append(segment)

    @property
    def problem(self) -> str:
        texts = (self._instrument.problem, self._recorder.problem, self._clock.step)
        return "; ".join(filter(None, texts))

    def _truth(self, segment: Segment) -> Spikes:
        start, stop = segment.start, segment.stop
        try:
            spikes = self._recorder.truth(start - self._shift, stop - self._shift)
        except DeviceError as error:
            # Truth is for validation only, so its loss must not stop the samples.
            log.error("true spikes of %d to %d: %s", start, stop, error)
            spikes = None
        if spikes is None:
            return Spikes.none(start, stop)
        return replace(spikes, start=start, stop=stop, sample=spikes.sample + self._shift)

    def _events(self, until: int) -> list[Command]:
        events, shift = self._recorder.events(until - self._shift), self._shift
        return [replace(each, start=each.start + shift, stop=each.stop + shift) for each in events]

    # Outages of a live instrument

    def _start_outage(self, error: DeviceError) -> None:
        tried = f"tried again after {_FIRST_WAIT_S:g} to {_LONGEST_WAIT_S:g} s each time"
        self._instrument.lose(error, self._position, tried)
        # Emitted though they are few: the next connection begins with none held.
        if self._held:
            self._settle()
        self._recorder.close()
        self._wait_s, self._attempt_s = _FIRST_WAIT_S, time.monotonic()

    def _reconnect(self, timeout_s: float) -> bool:
        ahead_s = self._attempt_s + self._wait_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(min(ahead_s, timeout_s))
        if ahead_s > timeout_s:
            return False
        try:
            info = self._recorder.open(self._position)
        except DeviceError:
            self._recorder.close()
            self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
            self._attempt_s = time.monotonic()
            return False
        self._instrument.come_back(info, self._recorder.identity, self._position)
        self._wait_s = 0.0
        self._clock.lose()
        self._expect_gap()
        return True

    def _expect_gap(self) -> None:
        # The recorder was opened at the session's position, so both indices agree again.
        self._shift = 0
        self._held = []

    def _settle(self) -> None:
        """Measure the gap by the held segments, and emit them."""
        held, self._held = self._held or [], None
        n_missing = self._clock.missing(held)
        self._shift = n_missing
        if n_missing:
            start = held[0].start
            log.warning("samples %d to %d are missing (estimated)", start, start + n_missing)
        for at, segment in enumerate(held):
            self._emit(segment, is_estimated=at == 0 and n_missing > 0)
