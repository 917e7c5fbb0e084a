"""Spikes: threshold crossings of the filtered signal (multi-unit activity, not sorted)."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.messages import Segment, Spikes
from crepe.processing.noise_level import NoiseLevel
from crepe.processing.threshold import falling_crossings, peaks_after

_NOISE_WINDOW_S = 1.0
_MEASURED_S = 0.25  # in which the medians are taken: all at once would take longer than a segment
_LEAST = 0.8  # part of the level a second before; chosen: noise falls no faster
_MEMORY = 3  # whole seconds that the floor remembers; chosen, as a restart must measure them again


Polarity = Literal["negative", "positive", "both"]


class Detect(Actor[Segment, Spikes]):
    """A spike where a channel crosses threshold_sd noise levels (Quiroga et al. 2004).

    The noise level is median(|x|) / 0.6745 over a whole second of the sample index, and at least
    0.8 times the level used a second before, which three whole seconds determine. It holds for a
    second, from 0.25 s after its own second on. Times at which an amplifier was held, or at the
    rail, are no part of it (see `NoiseLevel`). A second in which a channel moved for less than a
    tenth gives no level: the one before stays for a second, then the channel has no spikes until it
    has moved again. At the beginning and after a gap there are none for 0.1 s; then the level is
    that of the samples so far, until that of a whole second follows.

    A spike's sample is the extreme within `align_ms` after the crossing; the next spike may follow
    `refractory_ms` after that. Output windows lag by `align_ms`, so that a peak never falls between
    two segments: the spikes do not depend on how the signal is cut.
    """

    is_per_channel: ClassVar[bool] = True

    threshold_sd: PositiveFloat = 5.0
    """Distance from zero that the signal must reach, in noise levels (standard deviations)."""
    polarity: Polarity = "negative"
    """Side on which a spike crosses: `negative`, `positive`, or `both`, where each spike has the
    sign of its peak."""
    refractory_ms: float = Field(1.0, ge=0)
    """Shortest time from a spike's peak to the next crossing on the same channel."""
    align_ms: float = Field(1.0, gt=0)
    """Time after a crossing in which the extreme is the spike's peak."""

    _align: int = PrivateAttr()  # samples
    _refractory: int = PrivateAttr()  # samples
    _window: int = PrivateAttr()  # samples
    _measured: int = PrivateAttr()  # samples from a window's end until its level holds
    _rate_hz: float = PrivateAttr()  # sampling
    _first: int = PrivateAttr()  # samples of the first, shorter noise window
    _stop: int = PrivateAttr(-1)
    _scanned: int = PrivateAttr(0)  # crossings before this sample are dealt with
    _sent: int = PrivateAttr(0)  # spikes before this sample are published
    _held: NDArray[np.float32] = PrivateAttr()  # from sample _scanned - 1 on
    _noise_uv: NDArray[np.float32] | None = PrivateAttr(None)  # (n_channels,)
    # Levels as measured, of the last whole seconds, the newest first; 0 where there was none.
    _measured_uv: list[NDArray[np.float32]] = PrivateAttr(default_factory=list)
    _noise: NoiseLevel = PrivateAttr()
    _noise_start: int = PrivateAttr(0)  # of the current window
    _due: int | None = PrivateAttr(None)  # sample from which the level holds that is measured now
    _blocked: NDArray[np.int64] = PrivateAttr()  # per channel: no spike before this sample
    _peaks: list[tuple[int, int, float]] = PrivateAttr(default_factory=list)

    @property
    def warmup_s(self) -> float:
        # The whole second of the present level is in it, those that the floor remembers, and the
        # time until the level of all of them holds.
        return (_MEMORY + 2) * _NOISE_WINDOW_S + _MEASURED_S + 0.1

    @property
    def delay_samples(self) -> int:
        return self._align

    def open(self, context: ActorContext) -> None:
        rate_hz = context.first.sampling_rate_hz
        self._align = max(1, round(self.align_ms * rate_hz / 1000))
        self._refractory = round(self.refractory_ms * rate_hz / 1000)
        self._window = max(1, round(_NOISE_WINDOW_S * rate_hz))
        self._measured = max(1, round(_MEASURED_S * rate_hz))
        self._first = max(1, self._window // 10)
        self._rate_hz = rate_hz

    def step(self, segment: Segment) -> Iterator[Spikes]:
        if segment.start != self._stop:
            yield from self.finish()
            self._begin(segment)
        # The noise level changes at fixed samples only, so a segment is scanned in parts.
        for start, stop in self._parts(segment.start, segment.stop):
            part = segment.samples[:, start - segment.start : stop - segment.start]
            self._held = np.concatenate([self._held, part], axis=1)
            # Scan, then learn: each sample meets the same noise level however the signal is cut.
            self._scan(stop - self._align)
            self._learn(start, part)
        self._stop = segment.stop
        yield from self._emit(segment.stop - self._align)

    def finish(self) -> Iterator[Spikes]:
        if self._stop >= 0:
            self._scan(self._stop)
            yield from self._emit(self._stop)

    def _begin(self, segment: Segment) -> None:
        """Begin at the first segment and after a gap, without a noise level."""
        n_channels = len(segment.samples)
        self._held = np.full((n_channels, 1), np.nan, np.float32)  # on neither side of a limit
        self._blocked = np.full(n_channels, -1, np.int64)
        self._scanned = self._sent = self._noise_start = segment.start
        self._noise = NoiseLevel(n_channels, self._window, self._rate_hz)
        self._peaks.clear()
        self._noise_uv = self._due = None
        self._measured_uv = [np.zeros(n_channels, np.float32)] * _MEMORY

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield [start, stop) cut where a noise window ends, and where a level begins to hold."""
        while start < stop:
            cut = min(stop, self._window_end(), self._due or stop)
            yield start, cut
            start = cut

    def _window_end(self) -> int:
        if self._noise_uv is None:
            return self._noise_start + self._first
        return (self._noise_start // self._window + 1) * self._window

    def _learn(self, start: int, part: NDArray[np.float32]) -> None:
        """Add a part of the noise window; change the noise level where one begins to hold."""
        self._noise.add(part)
        stop = start + part.shape[1]
        if self._due is not None:
            self._noise.measure(1 - (self._due - stop) / self._measured)
            if stop == self._due:
                self._set_level(self._noise.ended_level_uv())
                self._due = None
        if stop < self._window_end():
            return
        is_first = self._noise_uv is None
        # Only whole seconds of the index are remembered: a restart measures the same ones.
        if self._noise_start % self._window == 0 and stop % self._window == 0:
            self._noise.end_window()
            self._due = stop + self._measured
        elif is_first:
            self._noise_uv = self._noise.level_uv()
            if stop < (self._noise_start // self._window + 1) * self._window:
                return  # the window continues
        self._noise.restart()
        self._noise_start = stop

    def _set_level(self, level_uv: NDArray[np.float32]) -> None:
        """Set the level of a whole second; with none, or far less, those before limit it."""
        before_uv = self._measured_uv
        least_uv = [np.float32(_LEAST**k) * each for k, each in enumerate(before_uv, 1)]
        floor_uv = np.maximum.reduce([level_uv, *least_uv])
        self._noise_uv = np.where(level_uv > 0, floor_uv, before_uv[0])
        self._measured_uv = [level_uv, *before_uv[:-1]]

    def _scan(self, until: int) -> None:
        """Find the peaks after crossings in [_scanned, until); `_align` samples more are held."""
        if until <= self._scanned:
            return
        if self._noise_uv is not None:
            n = until - self._scanned
            limit = -np.float32(self.threshold_sd) * self._noise_uv[:, np.newaxis]
            signal = self._downwards()
            crossings = falling_crossings(signal[:, : n + 1], limit)
            peaks = peaks_after(
                signal,
                crossings,
                self._blocked,
                first=self._scanned,
                n_align=self._align,
                n_rest=max(1, self._refractory),
            )
            before = self._scanned - 1  # sample index of the first column
            self._peaks += [(at, c, float(self._held[c, at - before])) for at, c, _ in peaks]
        self._held = self._held[:, until - self._scanned :]
        self._scanned = until

    def _downwards(self) -> NDArray[np.float32]:
        """Return the held samples, turned so that spikes point downwards."""
        if self.polarity == "negative":
            return self._held
        turned: NDArray[np.float32] = (
            -self._held if self.polarity == "positive" else -abs(self._held)
        )
        return turned

    def _emit(self, until: int) -> Iterator[Spikes]:
        """Yield the spikes up to `until`; no peak before it can still come."""
        if until <= self._sent:
            return
        start, self._sent = self._sent, until
        self._peaks.sort()  # the channel that crosses first may peak later
        ready = [peak for peak in self._peaks if peak[0] < until]
        self._peaks = self._peaks[len(ready) :]
        sample, channel, value = zip(*ready, strict=True) if ready else ((), (), ())
        yield Spikes(
            start,
            until,
            np.array(channel, np.int32),
            np.array(sample, np.int64),
            np.array(value, np.float32),
        )
