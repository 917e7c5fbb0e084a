"""The state of every channel: whether its signal moves, and since when."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.electrodes.layouts import is_recording
from crepe.messages import ChannelStates, Segment
from crepe.processing.stillness import Stillness

_CHECK_S = 0.1  # the states are judged so often, on the grid of the sample index
_FLAT = 0.5  # part of that time in which a channel must stand still; held for pulses, it is less


class ChannelState(Actor[Segment, ChannelStates]):
    """Monitor of the signal as acquired: which channels are dead, saturated or settling.

    A channel whose samples stand still for most of 0.1 s is dead, or saturated if they stand at
    `saturation_uv` or beyond. Afterwards, at the beginning and after a gap it settles for
    `settle_s`. A message is sent when a state changes. References count as ok.
    """

    is_sparse: ClassVar[bool] = True

    saturation_uv: PositiveFloat = 1000.0
    """Distance from zero from which a channel that stands still is saturated, and not dead."""
    settle_s: PositiveFloat = 1.0
    """Time for which a channel must have moved before it is ok; as a rule `Detect` has its level by
    then."""

    _stillness: Stillness = PrivateAttr()
    _scale: NDArray[np.float64] = PrivateAttr()  # microvolts per count, (n_channels or 1,)
    _period: int = PrivateAttr()  # samples
    _settle: int = PrivateAttr()  # samples
    _is_used: NDArray[np.bool_] = PrivateAttr()  # (n_channels,): no reference
    _stop: int = PrivateAttr(-1)
    _begun: int = PrivateAttr(0)  # of the current period
    _n_still: NDArray[np.int64] = PrivateAttr()  # (n_channels,): in the current period
    _since: NDArray[np.int64] = PrivateAttr()  # (n_channels,): sample from which a channel moves
    _states: tuple[str, ...] = PrivateAttr(())

    @property
    def warmup_s(self) -> float:
        return self.settle_s + 2 * _CHECK_S

    def open(self, context: ActorContext) -> None:
        info = context.first
        self._stillness = Stillness(info.n_channels, info.sampling_rate_hz)
        self._scale = np.asarray(info.scale_uv, np.float64)
        self._period = max(1, round(_CHECK_S * info.sampling_rate_hz))
        self._settle = round(self.settle_s * info.sampling_rate_hz)
        self._is_used = is_recording(info.labels)

    def step(self, segment: Segment) -> Iterator[ChannelStates]:
        if segment.start != self._stop:
            self._begin(segment)
        self._stop = segment.stop
        is_still = self._stillness.mark(segment.samples)
        start = segment.start
        while start < segment.stop:
            end = (start // self._period + 1) * self._period
            stop = min(end, segment.stop)
            part = slice(start - segment.start, stop - segment.start)
            if is_still is not None:
                self._n_still += np.count_nonzero(is_still[:, part], axis=1)
            if stop == end:
                yield from self._judge(segment.samples[:, part.stop - 1], stop)
            start = stop

    def _begin(self, segment: Segment) -> None:
        n_channels = len(segment.samples)
        self._stillness.restart()
        self._begun = segment.start
        self._n_still = np.zeros(n_channels, np.int64)
        self._since = np.full(n_channels, segment.start, np.int64)

    def _judge(self, newest: NDArray[Any], stop: int) -> Iterator[ChannelStates]:
        """Yield the states at the end of a period, if one has changed."""
        is_flat = self._n_still > _FLAT * (stop - self._begun)
        is_far = np.abs(newest * self._scale) >= self.saturation_uv
        self._since[is_flat] = stop
        is_settled = stop - self._since >= self._settle
        state = np.where(is_settled, ChannelStates.OK, ChannelStates.SETTLING)
        state = np.where(
            is_flat, np.where(is_far, ChannelStates.SATURATED, ChannelStates.DEAD), state
        )
        states = tuple(np.where(self._is_used, state, ChannelStates.OK).tolist())
        if states != self._states:
            yield ChannelStates(self._begun, stop, states)
        self._states, self._begun = states, stop
        self._n_still[:] = 0
