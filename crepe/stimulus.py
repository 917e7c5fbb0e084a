"""Pulses and what may be done to a culture with them: pure arithmetic, no instrument.

The defaults are limits for 30 um titanium nitride electrodes driven with current, biphasic,
negative phase first, as the MCS MEA manual (section 8.3) asks for.
"""

from collections.abc import Sequence
from math import pi
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crepe.electrodes import MCS_REFERENCE

Phases = Sequence[tuple[float, float]]  # (current in uA, width in us), in order of time


class Limits(BaseModel):
    """What the gate lets through. An experiment may make each limit tighter, never looser."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_current_ua: float = Field(50.0, gt=0)
    """Chosen; the instrument reaches 1500 uA (MEA2100)."""
    max_width_us: float = Field(1000.0, gt=0)
    """Of one phase; chosen."""
    max_charge_nc: float = Field(3.5, gt=0)
    """Per phase: 0.5 mC/cm2 on a 30 um disc, below what is usually given for TiN (Cogan 2008)."""
    max_density_mc_cm2: float = Field(0.5, gt=0)
    """Per phase, on the electrode's geometric area."""
    electrode_diameter_um: float = Field(30.0, ge=30.0)
    """Of the contacts of a 60MEA200/30."""
    max_net_charge: float = Field(0.01, ge=0)
    """Part of the largest phase that a pulse may leave on the electrode; chosen."""
    max_rate_hz: float = Field(50.0, gt=0)
    """Pulses on one electrode, in a train and over the last second; chosen."""
    max_train_s: float = Field(5.0, gt=0)
    """One train; chosen."""
    forbidden: tuple[str, ...] = (MCS_REFERENCE,)
    """Electrodes that are never stimulated; the reference always is one of them."""

    @model_validator(mode="after")
    def _only_tighter(self) -> Self:
        for name, field in type(self).model_fields.items():
            value: Any = getattr(self, name)
            if name == "forbidden":
                if MCS_REFERENCE not in value:
                    raise ValueError(f"forbidden: must contain the reference, {MCS_REFERENCE!r}")
            elif name != "electrode_diameter_um" and value > field.default:
                raise ValueError(
                    f"{name}: {value:g}, may only be made tighter than {field.default:g}"
                )
        return self

    def refusal(
        self, electrodes: Sequence[str], phases: Phases, rate_hz: float, n_pulses: int
    ) -> str | None:
        """Why a train must not be delivered, or None: place, what was found, the limit."""
        return (
            self._of_electrodes(electrodes)
            or self._of_pulse(phases)
            or self._of_train(phases, rate_hz, n_pulses)
        )

    def _of_electrodes(self, electrodes: Sequence[str]) -> str | None:
        if not electrodes:
            return "electrodes: none named"
        if len(set(electrodes)) != len(electrodes):
            return "electrodes: one is named twice"
        for label in electrodes:
            if label in self.forbidden:
                return f"electrode {label}: is never stimulated"
        return None

    def _of_pulse(self, phases: Phases) -> str | None:
        if len(phases) < 2:
            return f"pulse: {len(phases)} phases, must be balanced, two at least"
        for i, (current_ua, width_us) in enumerate(phases):
            place = f"phase {i}: {current_ua:.1f} uA x {width_us:g} us"
            if not 0 < width_us <= self.max_width_us:
                return f"{place}, limit {self.max_width_us:g} us"
            if not abs(current_ua) <= self.max_current_ua:
                return f"{place}, limit {self.max_current_ua:g} uA"
            charge = charge_nc(current_ua, width_us)
            if abs(charge) > self.max_charge_nc:
                return f"{place} = {charge:.1f} nC, limit {self.max_charge_nc:g} nC"
            density = density_mc_cm2(charge, self.electrode_diameter_um)
            if density > self.max_density_mc_cm2:
                return f"{place} = {density:.2f} mC/cm2, limit {self.max_density_mc_cm2:g} mC/cm2"
        charges = [charge_nc(*phase) for phase in phases]
        first = next((charge for charge in charges if charge), 0.0)
        if not first < 0:
            return f"pulse: first phase {first:+.1f} nC, must be negative"
        net, most = sum(charges), max(map(abs, charges))
        if abs(net) > self.max_net_charge * most:
            return f"pulse: leaves {net:+.3f} nC, limit {self.max_net_charge * most:.3f} nC"
        return None

    def _of_train(self, phases: Phases, rate_hz: float, n_pulses: int) -> str | None:
        if not 0 < rate_hz <= self.max_rate_hz:
            return f"train: {rate_hz:g} pulses per s, limit {self.max_rate_hz:g}"
        if n_pulses < 1:
            return f"train: {n_pulses} pulses, must be finite and at least 1"
        if n_pulses / rate_hz > self.max_train_s:
            return f"train: {n_pulses / rate_hz:.1f} s, limit {self.max_train_s:g} s"
        width_us = sum(width for _, width in phases)
        if width_us * rate_hz >= 1e6:
            return f"train: pulses of {width_us:g} us at {rate_hz:g} Hz run into each other"
        return None


def charge_nc(current_ua: float, width_us: float) -> float:
    """Charge of one phase in nC."""
    return current_ua * width_us / 1000


def density_mc_cm2(charge: float, diameter_um: float) -> float:
    """Charge in nC over the area of a disc, in mC/cm2, without its sign."""
    area_cm2 = pi * (diameter_um / 2 * 1e-4) ** 2
    return abs(charge) * 1e-6 / area_cm2
