"""Decoder: a direction, from the more active of two regions."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PrivateAttr, model_validator

from crepe.actors.actor import Actor, ActorContext
from crepe.electrodes.layouts import channels_of
from crepe.messages import Decision, Spikes

Parts = tuple[tuple[str, ...], ...]

_LEAST_MEAN = 0.1  # spikes in a window; the gain of an almost silent region is limited


class RegionRates(Actor[Spikes, Decision]):
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
    window_s: PositiveFloat = 0.1
    """Time before the newest sample whose spikes are counted. Chosen."""
    gain_s: NonNegativeFloat = 0.0
    """Time constant of each region's running mean, by which its count is divided; 0: counts as they
    are."""

    _is_in: Mapping[str, NDArray[np.bool_]] = PrivateAttr()  # by direction: by channel
    _window: int = PrivateAttr()  # samples
    _gain: float = PrivateAttr()  # samples
    _times: dict[str, NDArray[np.int64]] = PrivateAttr()  # of the spikes in the window
    _mean: dict[str, float] = PrivateAttr()  # spikes in a window
    _at: int = PrivateAttr(0)  # sample index up to which the means have followed

    @model_validator(mode="after")
    def _are_apart(self) -> "RegionRates":
        labels = [label for part in (*self.up, *self.down) for label in part]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"up, down: electrode {twice[0]!r} is named twice")
        if not all((*self.up, *self.down)):
            raise ValueError("up, down: a part without electrodes")
        return self

    @property
    def warmup_s(self) -> float:
        return self.window_s

    def open(self, context: ActorContext) -> None:
        labels = context.first.labels
        regions = {"up": sum(self.up, ()), "down": sum(self.down, ())}
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

    def possible_decisions(self) -> tuple[str, ...]:
        return "up", "down"

    def step(self, spikes: Spikes) -> Decision:
        counts = {name: self._count(name, spikes) for name in self._times}
        if self._gain and spikes.stop > self._at:  # not again while it warms up
            part = 1 - np.exp(-(spikes.stop - spikes.start) / self._gain)
            for name, n in counts.items():
                self._mean[name] += float(part) * (n - self._mean[name])
            self._at = spikes.stop
        active = {
            name: n / max(self._mean[name], _LEAST_MEAN) if self._gain else n
            for name, n in counts.items()
        }
        value: Literal["up", "down"] | None = None
        if active["up"] != active["down"]:
            value = "up" if active["up"] > active["down"] else "down"
        return Decision(spikes.start, spikes.stop, value, counts)

    def _count(self, name: str, spikes: Spikes) -> float:
        new = spikes.sample[self._is_in[name][spikes.channel]]
        times = self._times[name]
        kept = times[np.searchsorted(times, spikes.stop - self._window) :]
        self._times[name] = np.concatenate([kept, new])
        return float(len(self._times[name]))

    def snapshot(self) -> Mapping[str, Any] | None:
        return {"mean": dict(self._mean), "at": self._at} if self._gain else None
