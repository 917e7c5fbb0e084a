"""Codes of observations: how often each site is stimulated, by what the environment shows."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from math import pi, sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    ValidationError,
    model_validator,
)

Rates = NDArray[np.float64]  # (n_sites,), pulses per second


class Encoder(BaseModel):
    """A code of one value of the observation; a code of one's own defines `rates`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: NonNegativeInt = 0
    """Index of the value in the observation, which is flattened."""
    low: float
    """The value at which the code begins, in its own unit."""
    high: float
    """The value at which the code ends; below `low`, the code is reversed."""
    sites: tuple[str, ...] = Field(min_length=1)
    """Labels of the stimulated electrodes, each alone, in the order of the code."""
    highest_hz: PositiveFloat = 20.0
    """Highest rate of a site, in pulses per second."""

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.low == self.high:
            raise ValueError(f"low, high: both {self.low:g}, must differ")
        if len(set(self.sites)) != len(self.sites):
            raise ValueError("sites: an electrode is named twice")
        return self

    def rates(self, observation: NDArray[np.float64]) -> Rates:
        """Return the rate of each site for an observation, an array (n_values,)."""
        raise NotImplementedError

    @property
    def highest_total_hz(self) -> float:
        """Upper bound of the rates of all sites together, in pulses per second."""
        return self.highest_hz * len(self.sites)

    def place(self, observation: NDArray[np.float64]) -> float:
        """Return the place of the value in the range: 0 at `low` and below, 1 at `high`."""
        place = (observation[self.value] - self.low) / (self.high - self.low)
        return float(np.clip(place, 0, 1))


class PlaceCode(Encoder):
    """A place code: the range is divided among the sites, and the value's site is stimulated."""

    def rates(self, observation: NDArray[np.float64]) -> Rates:
        """Return the highest rate at the value's site, 0 elsewhere."""
        n = len(self.sites)
        site = min(int(self.place(observation) * n), n - 1)
        return np.where(np.arange(n) == site, self.highest_hz, 0.0)

    @property
    def highest_total_hz(self) -> float:
        return self.highest_hz


class RateCode(Encoder):
    """A rate code: the rate of every site grows with the value."""

    lowest_hz: NonNegativeFloat = 4.0
    """Rate at `low`, in pulses per second."""

    def rates(self, observation: NDArray[np.float64]) -> Rates:
        """Return one rate for all sites, in proportion to the place of the value."""
        place = self.place(observation)
        rate_hz = self.lowest_hz + (self.highest_hz - self.lowest_hz) * place
        return np.full(len(self.sites), rate_hz)


class PopulationCode(Encoder):
    """A population code: each site prefers a value, and its rate falls off as a Gaussian."""

    width: PositiveFloat = 1.0
    """Standard deviation of the Gaussian, in distances between preferred values (a ratio)."""

    def rates(self, observation: NDArray[np.float64]) -> Rates:
        """Return the highest rate for a preferred value, less with the distance from it."""
        n = len(self.sites)
        distance = np.arange(n) - self.place(observation) * (n - 1)
        rates: Rates = self.highest_hz * np.exp(-0.5 * (distance / self.width) ** 2)
        return rates

    @property
    def highest_total_hz(self) -> float:
        # The sum of a Gaussian at whole numbers is at most its integral and its peak.
        return self.highest_hz * min(len(self.sites), 1 + self.width * sqrt(2 * pi))


def load_encoders(tables: Any) -> tuple[Encoder, ...]:
    """Return the encoders of tables with an import path in `run`.

    Raises ValueError, which names the table, for one that does not fit.
    """
    if not isinstance(tables, Sequence) or not all(isinstance(t, Mapping) for t in tables):
        raise ValueError(f"{tables!r}, must be tables, each with `run`")
    return tuple(_load(i, dict(table)) for i, table in enumerate(tables))


def _load(i: int, table: dict[str, Any]) -> Encoder:
    path = table.pop("run", None)
    module_name, _, class_name = str(path).partition(":")
    try:
        kind = getattr(import_module(module_name), class_name, None)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{i} run: {path!r}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Encoder)):
        raise ValueError(f"{i} run: {path!r}, must be the import path of an Encoder")
    try:
        return kind(**table)
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, (i, *each['loc'])))}: {each['msg']}" for each in error.errors()
        ]
        raise ValueError("; ".join(mistakes)) from error
