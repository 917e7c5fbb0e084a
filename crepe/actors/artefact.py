"""Base of the actors that remove stimulus artefacts from the raw signal."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import ConfigError
from crepe.messages import Segment
from crepe.processing.artefact import artefact_onsets


class WithoutArtefact(Actor[Segment, Segment]):
    """The signal without artefacts, which are found in the signal itself.

    The stimuli's stream lies downstream of the signal, so an artefact is recognised by its shape:
    from one sample to the next, or the next but one, at least `min_channels` channels jump by more
    than `threshold_uv` or saturate. All channels are bad from `before_ms` before such a sample
    until `blank_ms` after the last; a channel that saturates alone is bad while it does. A network
    burst is no artefact: its spikes are smaller and do not come in the same sample.

    A subclass states how many samples it needs before and after a sample (`_reach`, `_ahead`), and
    cleans it (`_clean`). Samples leave `delay_samples` late; they do not depend on how the signal
    is cut. After a gap, and at the beginning, no earlier samples are used.
    """

    threshold_uv: PositiveFloat = 300.0
    """Jump between samples above which a channel shows an artefact."""
    min_channels: PositiveInt = 3
    """Number of channels that must jump or saturate in the same sample."""
    saturation_uv: PositiveFloat | None = None
    """Absolute value at which the amplifier saturates; without it no channel does."""
    before_ms: float = Field(0.2, ge=0)
    """Time before an artefact's onset from which all channels are bad."""
    blank_ms: PositiveFloat = 5.0
    """Time after an artefact's last onset until which all channels are bad."""

    _before: int = PrivateAttr()  # samples
    _blank: int = PrivateAttr()  # samples
    _limit: NDArray[np.float64] = PrivateAttr()  # threshold_uv in counts, of each channel or all
    _rail: NDArray[np.float64] = PrivateAttr()  # saturation_uv likewise
    _stop: int = PrivateAttr(-1)  # of the input; -1: nothing is held
    _sent: int = PrivateAttr(0)  # samples before this one were sent
    _until: int = PrivateAttr(0)  # end of the last artefact, as a sample index
    _t_ns: int = PrivateAttr(0)
    _is_estimated: bool = PrivateAttr(False)
    _held: NDArray[np.float64] = PrivateAttr()  # (n_channels, n), counts, from _sent - _reach on
    _is_bad: NDArray[np.bool_] = PrivateAttr()  # (n_channels, n)

    @property
    def warmup_s(self) -> float:
        return 1.0  # longer than any artefact

    @property
    def delay_samples(self) -> int:
        return self._before + self._ahead

    @property
    def _ahead(self) -> int:
        """Number of samples needed after the one to clean; valid after `open`."""
        return 0

    @property
    def _reach(self) -> int:
        """Number of samples needed before the one to clean, at least two; valid after `open`."""
        return 2

    @abstractmethod
    def _fresh(self, first: NDArray[np.float64]) -> None:
        """Begin, also after a gap; `first` holds the first sample: (n_channels, 1), counts."""

    @abstractmethod
    def _clean(self, n: int) -> NDArray[np.generic]:
        """Return the next n samples, clean: those in `_held` from place `_reach` on."""

    def open(self, context: ActorContext) -> None:
        info = context.first
        if info.labels and self.min_channels > info.n_channels:
            raise ConfigError(
                f"{context.name} min_channels: {self.min_channels}, at most {info.n_channels}, "
                "the number of channels"
            )
        self._before = round(self.before_ms * info.sampling_rate_hz / 1000)
        self._blank = max(1, round(self.blank_ms * info.sampling_rate_hz / 1000))
        scale_uv = np.asarray(info.scale_uv, np.float64)[:, np.newaxis]
        self._limit = self.threshold_uv / scale_uv
        self._rail = (np.inf if self.saturation_uv is None else self.saturation_uv) / scale_uv

    def step(self, segment: Segment) -> Iterator[Segment]:
        if segment.start != self._stop:
            yield from self.finish()
            self._begin(segment)
        # Kept until a segment leaves: the first inputs after a gap may yield none.
        self._is_estimated |= segment.is_estimated
        self._hold(segment.samples.astype(np.float64))
        self._stop, self._t_ns = segment.stop, segment.t_ns
        yield from self._emit(segment.stop - self.delay_samples)

    def finish(self) -> Iterator[Segment]:
        if self._stop >= 0:
            n = self.delay_samples
            # No samples follow: the padding is bad, so that no fit uses it, and is never emitted.
            self._held = np.pad(self._held, ((0, 0), (0, n)), mode="edge")
            self._is_bad = np.pad(self._is_bad, ((0, 0), (0, n)), constant_values=True)
            yield from self._emit(self._stop)
            self._stop = -1

    def _begin(self, segment: Segment) -> None:
        self._sent = self._until = segment.start
        first = segment.samples[:, :1].astype(np.float64)
        # Repeated, the first sample is no jump; marked as bad, its copies enter no fit.
        self._held = np.repeat(first, self._reach, axis=1)
        self._is_bad = np.ones(self._held.shape, np.bool_)
        self._stop = segment.start
        self._fresh(first)

    def _hold(self, samples: NDArray[np.float64]) -> None:
        """Hold the samples of a segment, and mark the bad ones."""
        n = samples.shape[1]
        held = self._held = np.concatenate([self._held, samples], axis=1)
        onsets, is_bad = artefact_onsets(
            held[:, -n - 2 :], self._limit, self._rail, self.min_channels
        )
        # An artefact of an earlier segment may last into this one.
        is_bad[:, : max(0, self._until - self._stop)] = True
        self._is_bad = np.concatenate([self._is_bad, is_bad], axis=1)
        begin = held.shape[1] - n
        for at in onsets.tolist():
            first = max(0, begin + at - self._before)
            self._is_bad[:, first : begin + at + self._blank] = True
            self._until = self._stop + at + self._blank

    def _emit(self, until: int) -> Iterator[Segment]:
        n = until - self._sent
        if n <= 0:
            return
        samples = self._clean(n)
        self._held, self._is_bad = self._held[:, n:], self._is_bad[:, n:]
        start, self._sent = self._sent, until
        yield Segment(start, until, samples, self._t_ns, self._is_estimated)
        self._is_estimated = False
