"""Stimulus artefacts taken out of the raw signal: blanked, or subtracted by local fits (SALPA).

Both find artefacts in the samples themselves, for what was stimulated is decided further down the
flow. The instrument's own blanking comes before; what it leaves is for these.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt, PrivateAttr
from scipy.ndimage import convolve1d
from scipy.signal import savgol_coeffs

from crepe.actors.actor import Actor, Start
from crepe.messages import Segment, StreamInfo


class Blank(Actor[Segment, Segment]):
    """Holds all channels for a while when many of them leave their range at once.

    What is left: a step at the end where the artefact's tail is not over yet, and nothing of the
    spikes within. Counts in, microvolts out; the output lags by nothing.
    """

    threshold_uv: PositiveFloat = 500.0
    """Farther than this from the last good value a sample is no signal of cells."""
    min_channels: PositiveInt = 2
    """So many at the same sample are a stimulus, and not one bad contact."""
    blank_ms: PositiveFloat = 4.0
    """From the last such sample on."""

    _scale: NDArray[np.float64] = PrivateAttr()
    _length: int = PrivateAttr()  # samples
    _held: NDArray[np.float64] = PrivateAttr()  # (n_channels,): the last good values
    _until: int = PrivateAttr(-1)  # sample index at which blanking ends
    _stop: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return 10 * self.blank_ms / 1000

    def open(self, start: Start) -> None:
        self._scale = np.asarray(start.first.scale_uv, np.float64)[:, np.newaxis]
        self._length = max(1, round(self.blank_ms * start.first.sampling_rate_hz / 1000))

    def output_info(self, start: Start) -> StreamInfo:
        return replace(start.first, dtype="float32", scale_uv=(1.0,))

    def step(self, segment: Segment) -> Segment:
        samples_uv = segment.samples * self._scale
        if segment.start != self._stop:
            self._held, self._until = samples_uv[:, 0].copy(), -1
        self._stop = segment.stop
        start = at = segment.start
        while at < segment.stop:
            if at < self._until:  # blanked; a stimulus meanwhile makes it longer
                stop = min(self._until, segment.stop)
                far = self._far(samples_uv[:, at - start : stop - start])
                if len(far):
                    self._until = max(self._until, at + int(far[-1]) + self._length)
                    stop = min(self._until, segment.stop)
                samples_uv[:, at - start : stop - start] = self._held[:, np.newaxis]
                at = stop
                continue
            far = self._far(samples_uv[:, at - start :])
            stop = at + int(far[0]) if len(far) else segment.stop
            if stop > at:
                self._held = samples_uv[:, stop - start - 1].copy()
            if len(far):
                self._until = stop + self._length
            at = stop
        return replace(segment, samples=samples_uv.astype(np.float32))

    def _far(self, samples_uv: NDArray[np.float64]) -> NDArray[np.int64]:
        """Which samples leave the range on enough channels."""
        is_far = np.abs(samples_uv - self._held[:, np.newaxis]) > self.threshold_uv
        least = min(self.min_channels, len(samples_uv))
        return np.flatnonzero(is_far.sum(axis=0) >= least)


class Salpa(Actor[Segment, Segment]):
    """Subtracts a local cubic fit (Wagenaar & Potter 2002, J Neurosci Methods 120:113).

    The fit goes over `half_ms` to each side of a sample. Where a channel was out of range, the
    first `half_ms` after it takes the fit of the stretch that begins there, so that spikes are
    seen from the end of saturation on; while out of range, and for `hold_ms` after, it is 0. What
    is left: what is faster than a cubic, such as the first edge of a tail that is not exponential.
    Counts in, microvolts out; the output lags by 2 `half_ms`.
    """

    half_ms: PositiveFloat = 3.0
    range_uv: PositiveFloat = 1000.0
    """A channel is out of range farther than this from 0."""
    hold_ms: float = Field(0.5, ge=0)

    _scale: NDArray[np.float64] = PrivateAttr()
    _half: int = PrivateAttr()  # samples
    _hold: int = PrivateAttr()  # samples
    _smooth: NDArray[np.float64] = PrivateAttr()  # a cubic's value at the middle of its window
    _first: NDArray[np.float64] = PrivateAttr()  # (half, 2 half + 1): at the window's beginning
    _raw: NDArray[np.float64] = PrivateAttr()  # (n_channels, ...): from sample `_from` on
    _from: int = PrivateAttr(0)
    _said: int = PrivateAttr(0)  # published before this sample
    _stop: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return 20 * self.half_ms / 1000

    @property
    def delay_samples(self) -> int:
        return 2 * self._half

    def open(self, start: Start) -> None:
        rate_hz = start.first.sampling_rate_hz
        self._scale = np.asarray(start.first.scale_uv, np.float64)[:, np.newaxis]
        self._half = max(2, round(self.half_ms * rate_hz / 1000))
        self._hold = round(self.hold_ms * rate_hz / 1000)
        n = 2 * self._half + 1
        self._smooth = savgol_coeffs(n, 3, use="dot")
        self._first = np.stack([savgol_coeffs(n, 3, pos=i, use="dot") for i in range(self._half)])

    def output_info(self, start: Start) -> StreamInfo:
        longest = start.first.longest_samples + 2 * self._half
        return replace(start.first, dtype="float32", scale_uv=(1.0,), longest_samples=longest)

    def step(self, segment: Segment) -> list[Segment]:
        samples_uv = segment.samples * self._scale
        found = []
        if segment.start != self._stop:
            found = self.finish()
            self._begin(segment.start, samples_uv)
        self._stop = segment.stop
        self._raw = np.concatenate([self._raw, samples_uv], axis=1)
        found += self._say(segment.stop - 2 * self._half, segment)
        return found

    def finish(self) -> list[Segment]:
        """The last samples, whose fits have no future: as if the last one had stood on."""
        if self._stop < 0:
            return []
        last = np.repeat(self._raw[:, -1:], 2 * self._half, axis=1)
        self._raw = np.concatenate([self._raw, last], axis=1)
        return self._say(self._stop, None)

    def _begin(self, start: int, samples_uv: NDArray[np.float64]) -> None:
        self._raw = np.repeat(samples_uv[:, :1], self._half, axis=1)
        self._from, self._said = start - self._half, start

    def _say(self, until: int, segment: Segment | None) -> list[Segment]:
        if until <= self._said:
            return []
        start, half = self._said, self._half
        first, n = start - self._from, until - start
        around = self._raw[:, first - half : first + n + half]
        fit = convolve1d(around, self._smooth[::-1], axis=1, mode="nearest")[:, half : half + n]
        clean = self._raw[:, first : first + n] - fit
        is_out = np.abs(self._raw) > self.range_uv
        for channel in np.flatnonzero(is_out.any(axis=1)):
            self._mend(clean[channel], self._raw[channel], is_out[channel])
        self._said = until
        kept = until - 3 * half - self._hold - self._from
        if kept > 0:
            self._raw, self._from = self._raw[:, kept:], self._from + kept
        t_ns, is_estimated = (segment.t_ns, segment.is_estimated) if segment else (0, False)
        return [Segment(start, until, clean.astype(np.float32), t_ns, is_estimated)]

    def _mend(
        self, clean: NDArray[np.float64], raw: NDArray[np.float64], is_out: NDArray[np.bool_]
    ) -> None:
        """Around what is out of range: 0 in it, fits that end before it, fits that begin after.

        `clean` begins at the sample `_said`, the others at `_from`. A fit whose window has
        something out of range in it says nothing: 0.
        """
        first, half = self._said - self._from, self._half
        edges = np.flatnonzero(np.diff(np.concatenate([[0], is_out, [0]])))
        for begin, end in edges.reshape(-1, 2).tolist():
            free = end + self._hold
            sides = (  # samples, the window that fits them, and its place for each
                (range(begin - half, begin), slice(begin - 2 * half - 1, begin), -1),
                (range(free, free + half), slice(free, free + 2 * half + 1), 1),
            )
            clean[max(0, begin - first) : max(0, free - first)] = 0.0
            for samples, place, way in sides:
                window = raw[max(0, place.start) : place.stop][::way]
                is_good = len(window) == 2 * half + 1 and not is_out[place].any()
                for i, t in enumerate(samples[::way]):
                    if 0 <= t - first < len(clean):
                        fit = self._first[i] @ window if is_good else raw[t]
                        clean[t - first] = raw[t] - fit
