"""Decoder: the one of the stimulation rates that the culture follows."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PrivateAttr

from crepe.actors.actor import Actor, ActorContext
from crepe.electrodes.layouts import channels_of
from crepe.messages import Decision, Spikes


class NearestRate(Actor[Spikes, Decision]):
    """Decoder: the rate to which the spikes of the electrodes lock best; None without one.

    It reads how closely cells follow the train, most of it while the train lasts, and nothing of
    what a culture makes of it afterwards. That an answer comes from cells rests on `min_score`
    alone: held amplifiers leave holes in the noise at the train's rate, so that without cells the
    highest score, however low, names the rate more often than chance.

    For each candidate rate f the phases 2 pi f t of the spikes in the last `window_s` are added as
    unit vectors. For n spikes without any rhythm |sum|^2 / n has the mean 1 and an exponential
    distribution (Rayleigh test; Mardia & Jupp 2000, ch. 6), so `min_score` sets the significance.
    Cultures respond to a pulse with several spikes at once, which are not independent; the limit is
    therefore far above the one that the test alone would need.
    """

    decides_by: ClassVar[str] = (
        "how closely the spikes follow one of the trains, during the stimulation and just after "
        "it; it is following, not a response of its own"
    )

    electrodes: tuple[str, ...] = Field(min_length=1)
    """Labels of the electrodes to decode."""
    rates_hz: Mapping[str, PositiveFloat] = Field(min_length=1)
    """Stimulation rate of each answer, by its name."""
    window_s: PositiveFloat = 1.0
    """Time before the newest sample whose spikes are used."""
    min_score: PositiveFloat = 20.0
    """Least score (a number without unit, 1 in the mean for random spikes) of an answer. Keep it
    where the detection's threshold is lowered: a silenced culture scored up to 9 at 3 SD."""
    min_spikes: int = Field(20, ge=1)
    """Least number of spikes in the window; fewer are no answer."""

    _names: tuple[str, ...] = PrivateAttr()
    _rates: NDArray[np.float64] = PrivateAttr()  # radians per sample
    _is_used: NDArray[np.bool_] = PrivateAttr()  # by channel
    _window: int = PrivateAttr()  # samples
    _times: NDArray[np.int64] = PrivateAttr()  # of the spikes in the window

    @property
    def warmup_s(self) -> float:
        return self.window_s

    def open(self, context: ActorContext) -> None:
        info = context.first
        rows = channels_of(self.electrodes, info.labels, f"{context.name} electrodes")
        self._is_used = np.isin(np.arange(info.n_channels), rows)
        self._names = tuple(self.rates_hz)
        rates_hz = np.array([self.rates_hz[name] for name in self._names])
        self._rates = 2 * np.pi * rates_hz / info.sampling_rate_hz
        self._window = round(self.window_s * info.sampling_rate_hz)
        self._times = np.empty(0, np.int64)

    def possible_decisions(self) -> tuple[str, ...]:
        return tuple(self.rates_hz)

    def step(self, spikes: Spikes) -> Decision:
        new = spikes.sample[self._is_used[spikes.channel]]
        kept = self._times[np.searchsorted(self._times, spikes.stop - self._window) :]
        self._times = np.concatenate([kept, new])
        scores = self._scores(spikes.stop)
        best = int(np.argmax(scores))
        is_readable = len(self._times) >= self.min_spikes and scores[best] >= self.min_score
        return Decision(
            spikes.start,
            spikes.stop,
            self._names[best] if is_readable else None,
            dict(zip(self._names, scores.tolist(), strict=True)),
        )

    def _scores(self, stop: int) -> NDArray[np.float64]:
        """Return |sum of the unit vectors|^2 / n for each rate."""
        if not len(self._times):
            return np.zeros(len(self._rates))
        # Times from `stop` leave the magnitude as it is and keep the phases small and precise.
        phases = self._rates[:, np.newaxis] * (self._times - stop)
        x, y = np.cos(phases).sum(axis=1), np.sin(phases).sum(axis=1)
        power: NDArray[np.float64] = (x**2 + y**2) / len(self._times)
        return power
