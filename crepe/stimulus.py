"""Pulses and what may be done to a culture with them: pure arithmetic, no instrument.

Limits are per electrode material; sources stand at each. The rules differ for current pulses,
whose charge is known, and for voltage pulses, whose charge depends on the electrode.
"""

from collections.abc import Mapping, Sequence
from math import pi
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from crepe.electrodes import MCS_REFERENCE

Phases = Sequence[tuple[float, float]]  # (amplitude in uA or uV, width in us), in order of time
Unit = Literal["uA", "uV"]

_DENSITY_MC_CM2 = {"TiN": 0.5, "Pt": 0.2}
"""Charge per phase and area. TiN: below the 0.9 that is usually given (Cogan 2008, Annu Rev Biomed
Eng 10:275), and far below the 23 of the MCS MEA manual, section 8.3; Pt: half of that manual's."""


class Override(BaseModel):
    """A limit that this experiment widens, and why. The reason goes into the recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: PositiveFloat
    reason: str = Field(min_length=10)


class Limits(BaseModel):
    """What the gate lets through. An experiment may make each limit tighter; a wider one needs an
    entry in `override` with a written reason. There is no way to turn the gate off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    material: Literal["TiN", "Pt"] = "TiN"
    """Of the contacts. Titanium nitride must not be charged positively (MCS MEA manual, 8.3)."""
    electrode_diameter_um: float = Field(30.0, ge=30.0)
    """Of the contacts of a 60MEA200/30."""
    max_current_ua: float = Field(50.0, gt=0)
    """Chosen; the instrument reaches 1500 uA (MEA2100)."""
    max_voltage_mv: float = Field(1000.0, gt=0)
    """SHODAN's limit, the only one of MEAME's clients that had one."""
    max_width_us: float = Field(1000.0, gt=0)
    """Of one phase; chosen."""
    max_charge_nc: float = Field(3.5, gt=0)
    """Per phase of current: 0.5 mC/cm2 on a disc of 30 um."""
    max_density_mc_cm2: float = Field(0.5, gt=0)
    """Per phase of current, on the electrode's geometric area; Pt has 0.2 at most."""
    max_net_charge: float = Field(0.01, ge=0)
    """Part of the largest phase that a current pulse may leave on the electrode; chosen."""
    max_rate_hz: float = Field(50.0, gt=0)
    """Pulses on one electrode, in a train and in any second; chosen."""
    max_total_rate_hz: float = Field(500.0, gt=0)
    """Pulses in any second, counted at each electrode and summed up; chosen."""
    max_train_s: float = Field(5.0, gt=0)
    """One train; chosen."""
    max_session_pulses: float = Field(100_000, gt=0)
    """Of one session, counted as the pulses of each train; chosen."""
    forbidden: tuple[str, ...] = (MCS_REFERENCE,)
    """Electrodes that are never stimulated: the reference always, grounds, bad contacts."""
    override: Mapping[str, Override] = Field(default_factory=dict)
    """By the name of a limit: a value that is wider than the default, and the reason."""

    @model_validator(mode="after")
    def _only_tighter(self) -> Self:
        if MCS_REFERENCE not in self.forbidden:
            raise ValueError(f"forbidden: must contain the reference, {MCS_REFERENCE!r}")
        named = {
            name: f.default for name, f in type(self).model_fields.items() if name[:4] == "max_"
        }
        for name, default in named.items():
            value: float = getattr(self, name)
            if value > default:
                raise ValueError(
                    f"{name}: {value:g}, may only be made tighter than {default:g}; a wider one "
                    f"needs override.{name} = {{ value = {value:g}, reason = ... }}"
                )
        for name in self.override:
            if name not in named:
                raise ValueError(f"override: {name!r} is no limit, those are {', '.join(named)}")
            if name in self.model_fields_set:
                raise ValueError(f"{name}: is set twice, in the table and in override")
        return self

    def limit(self, name: str) -> float:
        """The value that counts for a limit."""
        if name in self.override:
            return self.override[name].value
        value: float = getattr(self, name)
        if name == "max_density_mc_cm2":
            return min(value, _DENSITY_MC_CM2[self.material])
        return value

    def refusal(
        self,
        electrodes: Sequence[str],
        phases: Phases,
        rate_hz: float,
        n_pulses: int,
        unit: str = "uA",
    ) -> str | None:
        """Why a train must not be delivered, or None: place, what was found, the limit."""
        if unit not in {"uA", "uV"}:
            return f"pulse: unit {unit!r}, must be uA or uV"
        return (
            self._of_electrodes(electrodes)
            or (self._of_current(phases) if unit == "uA" else self._of_voltage(phases))
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

    def _of_current(self, phases: Phases) -> str | None:
        """Charge-balanced, the negative phase first (MCS MEA manual, 8.3)."""
        if len(phases) < 2:
            return f"pulse: {len(phases)} phases, must be balanced, two at least"
        for i, (current_ua, width_us) in enumerate(phases):
            place = f"phase {i}: {current_ua:.1f} uA x {width_us:g} us"
            charge = charge_nc(current_ua, width_us)
            density = density_mc_cm2(charge, self.electrode_diameter_um)
            for name, value, found, unit in (
                ("max_width_us", width_us, "", "us"),
                ("max_current_ua", abs(current_ua), "", "uA"),
                ("max_charge_nc", abs(charge), f" = {charge:.1f} nC", "nC"),
                ("max_density_mc_cm2", density, f" = {density:.2f} mC/cm2", "mC/cm2"),
            ):
                if not value <= self.limit(name) or not width_us > 0:
                    return f"{place}{found}, limit {self.limit(name):g} {unit}"
        charges = [charge_nc(*phase) for phase in phases]
        first = next((charge for charge in charges if charge), 0.0)
        if not first < 0:
            return f"pulse: first phase {first:+.1f} nC, must be negative"
        net, most = sum(charges), self.limit("max_net_charge") * max(map(abs, charges))
        if abs(net) > most:
            return f"pulse: leaves {net:+.3f} nC, limit {most:.3f} nC"
        return None

    def _of_voltage(self, phases: Phases) -> str | None:
        """Negative only on TiN, then held at 0 V; what charge flows is not known beforehand."""
        if not phases:
            return "pulse: no phase"
        for i, (voltage_uv, width_us) in enumerate(phases):
            place = f"phase {i}: {voltage_uv / 1000:g} mV x {width_us:g} us"
            if not 0 < width_us <= self.limit("max_width_us"):
                return f"{place}, limit {self.limit('max_width_us'):g} us"
            if not abs(voltage_uv) / 1000 <= self.limit("max_voltage_mv"):
                return f"{place}, limit {self.limit('max_voltage_mv'):g} mV"
            if voltage_uv > 0 and self.material == "TiN":
                return f"{place}: TiN must not be charged positively"
        return None

    def _of_train(self, phases: Phases, rate_hz: float, n_pulses: int) -> str | None:
        if not 0 < rate_hz <= self.limit("max_rate_hz"):
            return f"train: {rate_hz:g} pulses per s, limit {self.limit('max_rate_hz'):g}"
        if n_pulses < 1:
            return f"train: {n_pulses} pulses, must be finite and at least 1"
        if n_pulses / rate_hz > self.limit("max_train_s"):
            return f"train: {n_pulses / rate_hz:.1f} s, limit {self.limit('max_train_s'):g} s"
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
