"""Decoder of the reservoir: a trained linear decision from spike counts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.errors import ConfigError
from crepe.messages import Decision, GameState, Spikes
from crepe.phases import GamePhase
from crepe.reservoir.adaptation import Adaptation
from crepe.reservoir.features import Window
from crepe.reservoir.provenance import check_same
from crepe.reservoir.readout import Readout, load

_LATEST_S = 3.0  # the longest delay of a trial's result after the trial


class LinearReadout(Actor[Spikes | GameState, Decision]):
    """Decoder: at every step the answer with the highest score, from the spike counts before.

    It uses neither trials nor stimuli: the game takes the decision at the moment that matters.
    Without a readout every decision is None, so that an experiment can be calibrated with it.

    With `forgetting` it adapts: after each trial it learns the gesture shown, from the game's
    stream in its table `feedback`.
    """

    decides_by: ClassVar[str] = (
        "the numbers of spikes by electrode in the readout's window, weighted as trained on "
        "labelled trials"
    )

    readout: str = ""
    """Path of the file from `crepe calibrate`; empty: no readout yet, and every decision is
    None."""
    window: Window = Field(default_factory=Window)
    """The window in which spikes are counted; must be that of the readout."""
    turn_s: PositiveFloat = 0.5
    """Time after which a readout with several sets of weights (the shuffled control) changes sets;
    shorter than a trial, so that consecutive trials have different weights."""

    forgetting: float | None = Field(None, gt=0.9, le=1.0)
    """Weight of a trial relative to the next, a factor in recursive least squares; without it
    there is no adaptation."""

    _readout: Readout | None = PrivateAttr(None)
    _adaptation: Adaptation | None = PrivateAttr(None)
    _kept: int = PrivateAttr()  # samples of the past that are kept
    _labels: tuple[str, ...] = PrivateAttr()
    _rate_hz: float = PrivateAttr()
    _turn: int = PrivateAttr()  # samples
    _channel: NDArray[np.int32] = PrivateAttr()  # of the spikes in the span
    _sample: NDArray[np.int64] = PrivateAttr()

    @property
    def warmup_s(self) -> float:
        return self.window.span_s + (_LATEST_S if self.forgetting else 0.0)

    def open(self, context: ActorContext) -> None:
        info = context.first
        self._labels, self._rate_hz = info.labels, info.sampling_rate_hz
        self._kept = round(self.warmup_s * self._rate_hz)
        self._turn = round(self.turn_s * self._rate_hz)
        self._channel, self._sample = np.empty(0, np.int32), np.empty(0, np.int64)
        if self.readout:
            self._readout = load(Path(self.readout))
            try:
                self._readout.check(info.labels, self._rate_hz, self.window)
                stream = next(iter(context.inputs))
                check_same(self._readout.provenance, context.experiment, stream, info)
            except ConfigError as error:
                raise ConfigError(f"{context.name} readout {self.readout}: {error}") from error
            if self.forgetting is not None:
                self._adaptation = Adaptation(self._readout, self.forgetting, context.snapshot)

    def snapshot(self) -> Mapping[str, Any] | None:
        return self._adaptation.state if self._adaptation else None

    def possible_decisions(self) -> tuple[str, ...]:
        return self._readout.answers if self._readout else ()

    def step(self, message: Spikes | GameState) -> Decision | None:
        if isinstance(message, Spikes):
            return self._decide(message)
        if self._adaptation and message.phase == GamePhase.OUTCOME and message.gesture:
            # The features are of the trial's end; the state itself arrives up to _LATEST_S later.
            self._adaptation.learn(
                self._features(message.phases[GamePhase.OUTCOME]), message.gesture
            )
        return None

    def _decide(self, spikes: Spikes) -> Decision:
        first = np.searchsorted(self._sample, spikes.stop - self._kept)
        self._sample = np.concatenate([self._sample[first:], spikes.sample])
        self._channel = np.concatenate([self._channel[first:], spikes.channel])
        if self._readout is None:
            return Decision(spikes.start, spikes.stop, None)
        features = self._features(spikes.stop)
        if self._adaptation:
            scores = self._adaptation.scores(features)
        else:
            # the turn follows from the sample index, so a restart does not change it
            scores = self._readout.scores(features, spikes.stop // self._turn)
        answers = self._readout.answers
        named = dict(zip(answers, scores.tolist(), strict=True))
        return Decision(spikes.start, spikes.stop, answers[int(np.argmax(scores))], named)

    def _features(self, stop: int) -> NDArray[np.float64]:
        return self.window.features(self._channel, self._sample, stop, self._labels, self._rate_hz)
