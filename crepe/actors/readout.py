"""The reservoir's readout: a trained linear decision from spike counts."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, Start
from crepe.errors import ConfigError
from crepe.messages import Decision, Spikes
from crepe.reservoir.features import Window
from crepe.reservoir.readout import Readout, load


class LinearReadout(Actor[Spikes, Decision]):
    """At every step the answer whose score is highest, from the counts of the window before.

    It knows no trial and no stimulus: who asks takes the decision at the moment that matters.
    Without a readout it decides nothing, so that an experiment can be calibrated with it.
    """

    readout: str = ""
    """File that `crepe calibrate` has made; empty: none yet."""
    window: Window = Field(default_factory=Window)
    turn_s: PositiveFloat = 1.0
    """A readout with several sets of weights (the shuffled control) goes to the next after this."""

    _readout: Readout | None = PrivateAttr(None)
    _n_channels: int = PrivateAttr()
    _rate_hz: float = PrivateAttr()
    _span: int = PrivateAttr()  # samples
    _turn: int = PrivateAttr()  # samples
    _channel: NDArray[np.int32] = PrivateAttr()  # of the spikes in the span
    _sample: NDArray[np.int64] = PrivateAttr()

    @property
    def warmup_s(self) -> float:
        return self.window.span_s

    def open(self, start: Start) -> None:
        info = start.first
        self._n_channels, self._rate_hz = info.n_channels, info.sampling_rate_hz
        self._span = round(self.window.span_s * self._rate_hz)
        self._turn = round(self.turn_s * self._rate_hz)
        self._channel, self._sample = np.empty(0, np.int32), np.empty(0, np.int64)
        if self.readout:
            self._readout = load(Path(self.readout))
            try:
                self._readout.check(info.labels, self._rate_hz, self.window)
            except ConfigError as error:
                raise ConfigError(f"{start.name} readout {self.readout}: {error}") from error

    def step(self, spikes: Spikes) -> Decision:
        first = np.searchsorted(self._sample, spikes.stop - self._span)
        self._sample = np.concatenate([self._sample[first:], spikes.sample])
        self._channel = np.concatenate([self._channel[first:], spikes.channel])
        if self._readout is None:
            return Decision(spikes.start, spikes.stop, None)
        seen = self.window.features(
            self._channel, self._sample, spikes.stop, self._n_channels, self._rate_hz
        )
        scores = self._readout.scores(seen, spikes.stop // self._turn)
        answers = self._readout.answers
        named = dict(zip(answers, scores.tolist(), strict=True))
        return Decision(spikes.start, spikes.stop, answers[int(np.argmax(scores))], named)
