"""Waveforms of the spikes, cut out of the filtered signal."""

from collections import deque
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.messages import Cutouts, Segment, Spikes


class CutOut(Actor[Segment | Spikes, Cutouts]):
    """The waveform of each spike, from the filtered signal and its spikes.

    A spike too near to the beginning, a gap or the end for a whole waveform has none.
    """

    is_per_channel: ClassVar[bool] = True

    before_ms: PositiveFloat = 1.0
    """Length of the waveform before the spike's peak."""
    after_ms: PositiveFloat = 2.0
    """Length of the waveform from the spike's peak on."""

    _before: int = PrivateAttr()  # samples
    _after: int = PrivateAttr()  # samples, the peak among them
    _longest: int = PrivateAttr()  # samples of a window of the inputs
    _held: NDArray[np.float32] = PrivateAttr()  # (n_channels, ...): from sample `_from` on
    _from: int = PrivateAttr(0)
    _stop: int = PrivateAttr(-1)
    _waiting: deque[tuple[int, int]] = PrivateAttr(default_factory=deque)  # sample, channel
    _spikes_until: int = PrivateAttr(0)  # all spikes before this sample have come
    _sent: int = PrivateAttr(-1)

    @property
    def warmup_s(self) -> float:
        return 0.1 + (self.before_ms + self.after_ms) / 1000

    @property
    def delay_samples(self) -> int:
        return self._longest + self._after  # lag between the inputs, and the rest of a waveform

    def open(self, context: ActorContext) -> None:
        rate_hz = context.first.sampling_rate_hz
        self._before = round(self.before_ms * rate_hz / 1000)
        self._after = max(1, round(self.after_ms * rate_hz / 1000))
        self._longest = max(info.longest_samples for info in context.inputs.values())

    def step(self, message: Segment | Spikes) -> Cutouts | None:
        if isinstance(message, Spikes):
            self._waiting.extend(
                zip(message.sample.tolist(), message.channel.tolist(), strict=True)
            )
            self._spikes_until = message.stop
        elif message.start != self._stop:
            self._held, self._from = message.samples.astype(np.float32), message.start
            self._sent, self._stop = message.start, message.stop
        else:
            self._held = np.concatenate([self._held, message.samples], axis=1)
            self._stop = message.stop
        return self._emit(min(self._spikes_until, self._stop - self._after))

    def finish(self) -> Cutouts | None:
        return self._emit(min(self._spikes_until, self._stop))

    def _emit(self, until: int) -> Cutouts | None:
        """Return the waveforms of the spikes before `until`; None if all were sent."""
        start, self._sent = self._sent, max(self._sent, until)
        if until <= start:
            return None
        ready = []
        while self._waiting and self._waiting[0][0] < until:
            sample, channel = self._waiting.popleft()
            first = sample - self._before - self._from
            # Spikes from before a gap drop out here, too: their samples are no longer held.
            if first >= 0 and sample + self._after <= self._stop:
                ready.append((sample, channel, self._held[channel, first:][: self._n]))
        kept = until - self._before - self._from
        if kept > 0:
            self._held, self._from = self._held[:, kept:], self._from + kept
        waveforms = np.array([cutout for *_, cutout in ready], np.float32).reshape(-1, self._n)
        return Cutouts(
            start,
            until,
            np.array([channel for _, channel, _ in ready], np.int32),
            np.array([sample for sample, *_ in ready], np.int64),
            waveforms,
            self._before,
        )

    @property
    def _n(self) -> int:
        return self._before + self._after
