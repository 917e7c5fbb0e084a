"""Decoders: the most active of several regions of electrodes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PrivateAttr, model_validator

from crepe.actors.actor import Actor, ActorContext
from crepe.electrodes.layouts import channels_of
from crepe.messages import Decision, Spikes

Parts = tuple[tuple[str, ...], ...]

_LEAST_MEAN = 0.1  # spikes in a window; the gain of an almost silent region is limited


class _MostActive(Actor[Spikes, Decision]):
    """A decoder that counts the spikes of each region; a subclass has the regions."""

    window_s: PositiveFloat = 0.1
    """Time before the newest sample whose spikes are counted. Chosen."""
    gain_s: NonNegativeFloat = 0.0
    """Time constant of each region's running mean, by which its count is divided; 0: counts as they
    are."""
    hysteresis: NonNegativeFloat = 0.0
    """Part (a ratio) by which another region must be more active than the last winner, which holds
    until then, also in a tie; 0: the most active one decides."""

    _is_in: Mapping[str, NDArray[np.bool_]] = PrivateAttr()  # by region: by channel
    _window: int = PrivateAttr()  # samples
    _gain: float = PrivateAttr()  # samples
    _times: dict[str, NDArray[np.int64]] = PrivateAttr()  # of the spikes in the window
    _mean: dict[str, float] = PrivateAttr()  # spikes in a window
    _winner: str | None = PrivateAttr(None)
    _at: int = PrivateAttr(0)  # sample index up to which means and winner have followed

    @property
    def parts(self) -> Mapping[str, Parts]:
        """Labels of the electrodes of each region, group by group, by its decision."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        names = ", ".join(self.parts)
        labels = [label for parts in self.parts.values() for part in parts for label in part]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"{names}: electrode {twice[0]!r} is named twice")
        if not all(part for parts in self.parts.values() for part in parts):
            raise ValueError(f"{names}: a part without electrodes")
        return self

    @property
    def warmup_s(self) -> float:
        return self.window_s

    def open(self, context: ActorContext) -> None:
        labels = context.first.labels
        regions = {name: sum(parts, ()) for name, parts in self.parts.items()}
        rows = {
            name: channels_of(region, labels, f"{context.name} {name}")
            for name, region in regions.items()
        }
        self._is_in = {name: np.isin(np.arange(len(labels)), at) for name, at in rows.items()}
        self._window = round(self.window_s * context.first.sampling_rate_hz)
        self._gain = self.gain_s * context.first.sampling_rate_hz
        self._times = {name: np.empty(0, np.int64) for name in regions}
        self._mean = dict.fromkeys(regions, 1.0)
        if context.snapshot:
            self._mean = dict(context.snapshot["mean"])
            self._at = context.snapshot["at"]
            self._winner = context.snapshot.get("winner")

    def possible_decisions(self) -> tuple[str, ...]:
        return tuple(self.parts)

    def step(self, spikes: Spikes) -> Decision:
        counts = {name: self._count(name, spikes) for name in self._times}
        is_new = spikes.stop > self._at  # while it warms up, means and winner are those before
        if self._gain and is_new:
            part = 1 - np.exp(-(spikes.stop - spikes.start) / self._gain)
            for name, n in counts.items():
                self._mean[name] += float(part) * (n - self._mean[name])
        active = {
            name: n / max(self._mean[name], _LEAST_MEAN) if self._gain else n
            for name, n in counts.items()
        }
        if is_new:
            self._winner, self._at = self._decide(active), spikes.stop
        return Decision(spikes.start, spikes.stop, self._winner, counts)

    def _decide(self, active: Mapping[str, float]) -> str | None:
        """Return the most active region; the last winner, unless another has passed it."""
        best = max(active.values())
        last = self._winner
        if self.hysteresis and last and best <= active[last] * (1 + self.hysteresis):
            return last
        winners = [name for name, value in active.items() if value == best]
        return winners[0] if len(winners) == 1 else None

    def _count(self, name: str, spikes: Spikes) -> float:
        new = spikes.sample[self._is_in[name][spikes.channel]]
        times = self._times[name]
        kept = times[np.searchsorted(times, spikes.stop - self._window) :]
        self._times[name] = np.concatenate([kept, new])
        return float(len(self._times[name]))

    def snapshot(self) -> Mapping[str, Any] | None:
        if not (self._gain or self.hysteresis):
            return None
        return {"mean": dict(self._mean), "at": self._at, "winner": self._winner}


class RegionRates(_MostActive):
    """Decoder: "up" or "down", the region with more spikes in `window_s`; None for a tie.

    A region is several groups of electrodes, in DishBrain two for each direction, side by side in
    turn (Kagan et al. 2022, Neuron 110:3952; public replication code, confirm at PMC9747182). A
    region that is always the more active one would decide alone; with `gain_s` each count is
    divided by the region's own running mean.
    """

    decides_by: ClassVar[str] = "which of two regions has more spikes at the moment"

    up: Parts = Field(min_length=1)
    """Labels of the electrodes that mean "up", group by group."""
    down: Parts = Field(min_length=1)
    """Labels of the electrodes that mean "down", group by group."""

    @property
    def parts(self) -> Mapping[str, Parts]:
        """Labels of the electrodes of each region, group by group, by its decision."""
        return {"up": self.up, "down": self.down}


class RegionWinner(_MostActive):
    """Decoder: the region with the most spikes in `window_s`, of any number; None for a tie.

    It is `RegionRates` for other decisions than "up" and "down".
    """

    decides_by: ClassVar[str] = "which of several regions has the most spikes at the moment"

    regions: Mapping[str, Parts] = Field(min_length=2)
    """By decision, the labels of the electrodes that mean it, group by group."""

    @property
    def parts(self) -> Mapping[str, Parts]:
        """Labels of the electrodes of each region, group by group, by its decision."""
        return self.regions
