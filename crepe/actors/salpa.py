"""Stimulus artefacts subtracted: a local cubic fit is what the artefact is taken to be."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PrivateAttr
from scipy.ndimage import correlate1d

from crepe.actors.actor import ActorContext
from crepe.actors.artefact import WithoutArtefact
from crepe.messages import StreamInfo

_SEARCHING = -1


class Salpa(WithoutArtefact):
    """Each sample less a cubic fitted around it (Wagenaar & Potter 2002, J Neurosci Methods
    120:113), counts in, microvolts out.

    The cubic is fitted to `half_width_ms` on either side. Where a channel is bad (the artefact's
    first `blank_ms`, or saturation) it gives 0, and its last fit before that serves up to there.
    After it a fit begins once `depeg_ms` have passed and, over the first `settle_ms` of the fit,
    the signal is within `settle_uv` of it in the mean: the paper's test for the rest of the
    artefact, which takes 3 noise levels; until then it gives 0. That first fit serves for its
    first half, too, so spikes are seen from a few milliseconds after the pulse. What it leaves:
    the part of an artefact that bends faster than the cubic follows, at most `settle_uv` in the
    mean when it begins. What it takes: slow signals, like a high-pass of about 1 over
    `half_width_ms`, and some of a spike's depth where it is wide. Samples leave twice
    `half_width_ms`, and `before_ms`, late: only so are the first fits known in time.
    """

    blank_ms: PositiveFloat = 1.0
    half_width_ms: PositiveFloat = 3.0
    depeg_ms: PositiveFloat = 0.2
    settle_ms: PositiveFloat = 0.6
    settle_uv: PositiveFloat = 5.0

    _half: int = PrivateAttr()  # samples
    _depeg: int = PrivateAttr()  # samples
    _fit: NDArray[np.float64] = PrivateAttr()  # (width, width): window to the cubic's values
    _off: NDArray[np.float64] = PrivateAttr()  # (width,): window to the mean deviation at first
    _scale_uv: NDArray[np.float64] = PrivateAttr()  # (n_channels or 1, 1)
    _fit_from: NDArray[np.int64] = PrivateAttr()  # (n_channels,): sample index, or _SEARCHING

    @property
    def _ahead(self) -> int:
        return 2 * self._half

    @property
    def _reach(self) -> int:
        return 2 * self._half + max(2, self._depeg + 1)

    def open(self, start: ActorContext) -> None:
        super().open(start)
        rate_hz = start.first.sampling_rate_hz
        self._half = max(2, round(self.half_width_ms * rate_hz / 1000))
        self._depeg = round(self.depeg_ms * rate_hz / 1000)
        n_settle = min(max(1, round(self.settle_ms * rate_hz / 1000)), self._half)
        t = np.arange(-self._half, self._half + 1) / self._half
        basis, _ = np.linalg.qr(np.vander(t, 4))
        self._fit = basis @ basis.T
        self._off = (np.eye(len(t)) - self._fit)[:n_settle].mean(axis=0)
        self._scale_uv = np.asarray(start.first.scale_uv, np.float64)[:, np.newaxis]

    def output_info(self, start: ActorContext) -> StreamInfo:
        return replace(start.first, dtype="float32", scale_uv=(1.0,))

    def _fresh(self, first: NDArray[np.float64]) -> None:
        self._fit_from = np.full(len(first), _SEARCHING, np.int64)

    def _clean(self, n: int) -> NDArray[np.generic]:
        begin, half = self._reach, self._half
        around = self._held[:, begin - half : begin + n + half] * self._scale_uv
        found = around[:, half : half + n] - _slide(around, self._fit[half])
        # The simple case, and nearly always: no bad sample near, and no fit that just began.
        is_hard = self._is_bad[:, begin : begin + n + half].any(axis=1)
        is_hard |= (self._fit_from == _SEARCHING) | (self._fit_from + half > self._said)
        hard = np.flatnonzero(is_hard)
        if len(hard):
            may_begin = self._may_begin(hard, n)
            for channel, here in zip(hard.tolist(), may_begin, strict=True):
                self._mend(channel, here, found[channel])
        return found.astype(np.float32)

    def _may_begin(self, channels: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
        """(n_channels, n): whether a fit may begin at the sample."""
        begin, width = self._reach, 2 * self._half
        n_bad = np.cumsum(self._is_bad[channels, : begin + n + width], axis=1)
        before = begin - self._depeg - 1
        is_good: NDArray[np.bool_] = n_bad[:, begin + width :] == n_bad[:, before : before + n]
        if is_good.any():
            scale_uv = np.broadcast_to(self._scale_uv, (len(self._held), 1))[channels]
            off_uv = _slide(self._held[channels, begin : begin + n + width] * scale_uv, self._off)
            is_good &= np.abs(off_uv) < self.settle_uv
        return is_good

    def _mend(self, channel: int, may_begin: NDArray[np.bool_], found: NDArray[np.float64]) -> None:
        """Put right what a fit around each sample gives near bad samples, in place."""
        at, stop = self._reach, self._reach + len(found)  # places in `held`, as all below
        offset, half = self._said - self._reach, self._half
        held_uv = self._held[channel] * self._scale_uv[min(channel, len(self._scale_uv) - 1)]
        bad = np.flatnonzero(self._is_bad[channel])
        out = held_uv[:stop].copy()
        out[at:] = found
        fit_from = int(self._fit_from[channel])
        while at < stop:
            if fit_from == _SEARCHING:
                ahead = may_begin[at - self._reach :]
                begin = at + int(ahead.argmax()) if ahead.any() else stop
                out[at:begin] = 0.0
                at = begin
                fit_from = _SEARCHING if at == stop else at + offset
                continue
            next_bad = np.searchsorted(bad, at)
            peg = int(bad[next_bad]) if next_bad < len(bad) else len(held_uv) + half
            end = min(peg, stop)
            first = fit_from - offset
            if at < first + half:
                window = held_uv[first : first + 2 * half + 1]
                of_first = window - self._fit @ window
                until = min(end, first + half)
                out[at:until] = of_first[at - first : until - first]
            if peg - half < end:
                window = held_uv[peg - 2 * half - 1 : peg]
                of_last = window - self._fit @ window
                since = max(at, peg - half)
                out[since:end] = of_last[since - peg : end - peg or None]
            at = end
            if at == peg:
                fit_from = _SEARCHING
        found[:] = out[self._reach :]
        self._fit_from[channel] = fit_from


def _slide(signal: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted sums of whole windows; each sum is made in the same order wherever it stands."""
    half = len(weights) // 2
    found: NDArray[np.float64] = correlate1d(signal, weights, axis=1)
    return found[:, half : signal.shape[1] - half]
