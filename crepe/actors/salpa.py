"""Subtraction of stimulus artefacts, which are estimated by a local cubic fit."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import ActorContext
from crepe.actors.artefact import WithoutArtefact
from crepe.messages import StreamInfo
from crepe.processing.salpa import SEARCHING, cubic_fit, slide, subtract_near_bad


class Salpa(WithoutArtefact):
    """Each sample less a cubic fitted around it (Wagenaar & Potter 2002, J Neurosci Methods
    120:113), counts in, microvolts out.

    The cubic is fitted to `half_width_ms` on either side. Where a channel is bad (the artefact's
    first `blank_ms`, or saturation) the output is 0; the last fit before that serves up to there.
    After it a fit begins once `depeg_ms` have passed and, over the first `settle_ms` of the fit,
    the signal is within `settle_uv` of it in the mean (the paper's test for the rest of the
    artefact, with 3 noise levels); until then the output is 0. That first fit serves for its first
    half, too, so spikes appear from a few milliseconds after the pulse.

    It leaves the part of an artefact that bends faster than the cubic, at most `settle_uv` in the
    mean at the beginning. It removes slow signals, like a high-pass of about 1 / `half_width_ms`,
    and reduces wide spikes. The output lags by twice `half_width_ms` plus `before_ms`, which the
    first fits need.
    """

    blank_ms: PositiveFloat = 1.0
    """Time after an artefact's last onset until which the output is 0 on all channels."""
    half_width_ms: PositiveFloat = 3.0
    """Length of the signal on either side of a sample to which the cubic is fitted."""
    depeg_ms: PositiveFloat = 0.2
    """Time that must pass after the last bad sample before a fit may begin."""
    settle_ms: PositiveFloat = 0.6
    """Length of the beginning of a fit over which its mean deviation is tested."""
    settle_uv: PositiveFloat = 5.0
    """Mean deviation from the signal below which a fit may begin."""

    _half: int = PrivateAttr()  # samples
    _depeg: int = PrivateAttr()  # samples
    _fit: NDArray[np.float64] = PrivateAttr()  # (width, width): window to the cubic's values
    _off: NDArray[np.float64] = PrivateAttr()  # (width,): window to the mean deviation at first
    _scale_uv: NDArray[np.float64] = PrivateAttr()  # (n_channels or 1, 1)
    _fit_from: NDArray[np.int64] = PrivateAttr()  # (n_channels,): sample index, or SEARCHING

    @property
    def _ahead(self) -> int:
        return 2 * self._half

    @property
    def _reach(self) -> int:
        return 2 * self._half + max(2, self._depeg + 1)

    def open(self, context: ActorContext) -> None:
        super().open(context)
        rate_hz = context.first.sampling_rate_hz
        self._half = max(2, round(self.half_width_ms * rate_hz / 1000))
        self._depeg = round(self.depeg_ms * rate_hz / 1000)
        n_settle = min(max(1, round(self.settle_ms * rate_hz / 1000)), self._half)
        self._fit = cubic_fit(self._half)
        self._off = (np.eye(len(self._fit)) - self._fit)[:n_settle].mean(axis=0)
        self._scale_uv = np.asarray(context.first.scale_uv, np.float64)[:, np.newaxis]

    def output_info(self, context: ActorContext) -> StreamInfo:
        return replace(context.first, dtype="float32", scale_uv=(1.0,))

    def _fresh(self, first: NDArray[np.float64]) -> None:
        self._fit_from = np.full(len(first), SEARCHING, np.int64)

    def _clean(self, n: int) -> NDArray[np.generic]:
        begin, half = self._reach, self._half
        around = self._held[:, begin - half : begin + n + half] * self._scale_uv
        result = around[:, half : half + n] - slide(around, self._fit[half])
        # The simple case, and nearly always: no bad sample near, and no fit that just began.
        # Only bad samples ahead are looked for: after earlier ones `_fit_from` has begun anew.
        is_hard = self._is_bad[:, begin : begin + n + half].any(axis=1)
        is_hard |= (self._fit_from == SEARCHING) | (self._fit_from + half > self._sent)
        hard = np.flatnonzero(is_hard)
        if len(hard):
            may_begin = self._may_begin(hard, n)
            for channel, of_channel in zip(hard.tolist(), may_begin, strict=True):
                self._fit_from[channel] = subtract_near_bad(
                    # There is one scale per channel, or one for all.
                    self._held[channel] * self._scale_uv[min(channel, len(self._scale_uv) - 1)],
                    self._is_bad[channel],
                    of_channel,
                    result[channel],
                    fit=self._fit,
                    reach=self._reach,
                    first=self._sent - self._reach,
                    fit_from=int(self._fit_from[channel]),
                )
        return result.astype(np.float32)

    def _may_begin(self, channels: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
        """Return whether a fit may begin at the sample, (n_channels, n)."""
        begin, width = self._reach, 2 * self._half
        n_bad = np.cumsum(self._is_bad[channels, : begin + n + width], axis=1)
        before = begin - self._depeg - 1
        is_good: NDArray[np.bool_] = n_bad[:, begin + width :] == n_bad[:, before : before + n]
        if is_good.any():
            scale_uv = np.broadcast_to(self._scale_uv, (len(self._held), 1))[channels]
            off_uv = slide(self._held[channels, begin : begin + n + width] * scale_uv, self._off)
            is_good &= np.abs(off_uv) < self.settle_uv
        return is_good
