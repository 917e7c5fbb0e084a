"""The limits of stimulation: pure arithmetic, no instrument.

Limits depend on the electrode material; each names its source. The rules differ for current pulses,
whose charge is known, and for voltage pulses, whose charge depends on the electrode.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    StringConstraints,
    model_validator,
)

from crepe.electrodes.layouts import MCS_REFERENCE
from crepe.safety.pulse import Phases, density_mc_cm2, merged, place_of, total_charge_nc, total_us

_DENSITY_MC_CM2 = {"TiN": 0.5, "Pt": 0.2}
"""Charge per phase and area. TiN: below the 0.9 that is usually given (Cogan 2008, Annu Rev Biomed
Eng 10:275), and far below the 23 of the MCS MEA manual, section 8.3; Pt: half of that manual's.
Others such as PEDOT, IrOx and platinum black are not here: their limits depend on how they are
made."""

_LEAST_UA = 0.001
_LEAST_MV = 0.01
_LEAST_WIDTH_US = 1.0
"""Below these nothing is a pulse: a wrong unit, or a lost power of ten. Chosen, a tenth or less of
the finest steps of known stimulators (Intan RHS2116: 10 nA; MCS: 50 nA, 0.57 mV, 20 us)."""


class Override(BaseModel):
    """A limit that this experiment widens, and the reason, which is recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: PositiveFloat
    """The limit in force, in the unit of the limit's name."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]
    """The reason, which is recorded: 10 characters or more."""


class Limits(BaseModel):
    """The limits of the gate.

    An experiment may make each limit tighter; a wider one needs an entry in `override` with a
    written reason. The gate cannot be turned off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    material: str = Field("TiN", min_length=1, max_length=40)
    """Material of the contacts: TiN or Pt. Titanium nitride must not be charged positively (MCS MEA
    manual, 8.3). Any other, such as PEDOT, IrOx or platinum black, has the strictest limits of all,
    and refusals name it."""
    electrode_diameter_um: float = Field(30.0, gt=0)
    """Diameter of the contacts; 30 um are those of a 60MEA200/30."""
    impedance_kohm: PositiveFloat | None = None
    """Impedance of the contacts, as measured; with it the charge of voltage phases is computed, and
    held to the limits of charge. Without it that charge is unknown, and a note on each train says
    that."""
    max_current_ua: float = Field(50.0, gt=0)
    """Largest amplitude of a current pulse. Chosen; the instrument reaches 1500 uA (MEA2100)."""
    max_voltage_mv: float = Field(1000.0, gt=0)
    """Largest amplitude of a voltage pulse: SHODAN's limit, the only one of MEAME's clients that
    had one."""
    max_width_us: float = Field(1000.0, gt=0)
    """Longest phase, and longest pause between two; chosen."""
    max_charge_nc: float = Field(3.5, gt=0)
    """Largest charge per phase: 0.5 mC/cm2 on a disc of 30 um."""
    max_density_mc_cm2: float = Field(0.5, gt=0)
    """Largest charge per phase and geometric area of the electrode; Pt has 0.2 at most."""
    max_net_charge: float = Field(0.01, ge=0)
    """Largest fraction of the largest phase that a current pulse may leave on the electrode;
    chosen."""
    max_rate_hz: float = Field(50.0, gt=0)
    """Largest rate of pulses on one electrode, in a train and in any second; chosen."""
    max_total_rate_hz: float = Field(500.0, gt=0)
    """Largest number of pulses in any second, counted at each electrode and summed up; chosen."""
    max_train_s: float = Field(5.0, gt=0)
    """Longest train; chosen."""
    max_session_pulses: float = Field(100_000, gt=0)
    """Largest number of pulses in a session, counted as the pulses of each train; chosen."""
    forbidden: tuple[str, ...] = (MCS_REFERENCE,)
    """Labels of electrodes that are never stimulated: the reference, grounds, bad contacts. The
    default is the reference of a 60MEA, whose driver refuses it in any case."""
    override: Mapping[str, Override] = Field(default_factory=dict)
    """By name of a limit: a value wider than the default, and the reason."""

    @model_validator(mode="after")
    def _only_tighter(self) -> Self:
        defaults = {
            name: f.default for name, f in type(self).model_fields.items() if name[:4] == "max_"
        }
        for name, default in defaults.items():
            value: float = getattr(self, name)
            if value > default:
                raise ValueError(
                    f"{name}: {value:g}, may only be made tighter than {default:g}; a wider one "
                    f"needs override.{name} = {{ value = {value:g}, reason = ... }}"
                )
        for name in self.override:
            if name not in defaults:
                raise ValueError(f"override: {name!r} is no limit, those are {', '.join(defaults)}")
            if name in self.model_fields_set:
                raise ValueError(f"{name}: is set twice, in the table and in override")
        return self

    def limit(self, name: str) -> float:
        """Return the value in force for a limit."""
        if name in self.override:
            return self.override[name].value
        value: float = getattr(self, name)
        if name == "max_density_mc_cm2":
            strictest = min(_DENSITY_MC_CM2.values())
            return min(value, _DENSITY_MC_CM2.get(self.material, strictest))
        return value

    @property
    def strictness(self) -> str:
        """Note on a material for which no limits are known; empty for one of the table."""
        if self.material in _DENSITY_MC_CM2:
            return ""
        names = ", ".join(_DENSITY_MC_CM2)
        return f" (material {self.material!r} has the strictest: limits are known for {names})"

    def refusal(
        self,
        electrodes: Sequence[str],
        phases: Phases,
        rate_hz: float,
        n_pulses: int,
        unit: str = "uA",
    ) -> str | None:
        """Return why a train must not be delivered, or None: place, value, limit."""
        if unit not in {"uA", "uV"}:
            return f"pulse: unit {unit!r}, must be uA or uV"
        return (
            self._of_electrodes(electrodes)
            or self._of_phases(phases, unit)
            or (self._of_current(phases) if unit == "uA" else self._of_voltage(phases))
            or self._of_charge(phases, unit)
            or self._of_train(phases, rate_hz, n_pulses)
        )

    def charge_in_doubt(self, phases: Phases, unit: str) -> str:
        """Return a note on the charge of a pulse; empty where the charge is known."""
        if unit == "uA":
            return ""
        if self.impedance_kohm is None:
            return "charge unknown: no limits.impedance_kohm"
        charge = total_charge_nc(self._as_current(phases, unit))
        return f"charge {charge:+.2f} nC, computed from {self.impedance_kohm:g} kohm"

    def _of_electrodes(self, electrodes: Sequence[str]) -> str | None:
        if not electrodes:
            return "electrodes: none named"
        if len(set(electrodes)) != len(electrodes):
            return "electrodes: one is named twice"
        for label in electrodes:
            if label in self.forbidden:
                return f"electrode {label}: is never stimulated"
        return None

    def _of_phases(self, phases: Phases, unit: str) -> str | None:
        """Check each phase as listed, then as merged at the electrode, and the pauses between."""
        per, in_unit, name = (1, "uA", "current_ua") if unit == "uA" else (1e3, "mV", "voltage_mv")
        least = _LEAST_UA if unit == "uA" else _LEAST_MV
        most, most_us = self.limit(f"max_{name}"), self.limit("max_width_us")
        for i, (amplitude, width_us) in enumerate(phases):
            place = place_of(phases, unit, i, i)
            # `not ... <=` rather than `>`, here and below: NaN must be refused, too.
            if not width_us <= most_us:
                return f"{place}, limit {most_us:g} us"
            if not width_us >= _LEAST_WIDTH_US:
                return f"{place}, must be {_LEAST_WIDTH_US:g} us at least"
            if 0 < abs(amplitude) / per < least:
                return f"{place}, must be 0 or {least:g} {in_unit} at least"
            if not abs(amplitude) / per <= most:
                return f"{place}, limit {most:g} {in_unit}"
        spans = merged(phases)
        for first, last in spans:
            if total_us(phases[first : last + 1]) > most_us:
                return f"{place_of(phases, unit, first, last)}, limit {most_us:g} us"
        for (_, last), (first, _) in pairwise(spans):
            pause_us = total_us(phases[last + 1 : first])
            if pause_us > most_us:
                return f"pulse: a pause of {pause_us:g} us between its phases, limit {most_us:g} us"
        return None

    def _of_current(self, phases: Phases) -> str | None:
        """Check a current pulse: biphasic, balanced, negative first (MCS MEA manual, 8.3)."""
        spans = merged(phases)
        if len(spans) != 2:
            return f"pulse: {len(spans)} phases, must be 2, the second to balance the first"
        charges = [total_charge_nc(phases[first : last + 1]) for first, last in spans]
        if not charges[0] < 0:
            return f"pulse: first phase {charges[0]:+.1f} nC, must be negative"
        net, most = sum(charges), self.limit("max_net_charge") * max(map(abs, charges))
        if abs(net) > most:
            return f"pulse: leaves {net:+.3f} nC, limit {most:.3f} nC"
        return None

    def _of_voltage(self, phases: Phases) -> str | None:
        """Check a voltage pulse: on TiN negative only, then held at 0 V."""
        spans = merged(phases)
        if not 1 <= len(spans) <= 2:
            return f"pulse: {len(spans)} phases, must be 1 or 2"
        for first, last in spans:
            if phases[first][0] > 0 and self.material != "Pt":
                place = place_of(phases, "uV", first, last)
                return f"{place}: TiN must not be charged positively{self.strictness}"
        return None

    def _of_charge(self, phases: Phases, unit: str) -> str | None:
        currents = self._as_current(phases, unit)
        for first, last in merged(currents):
            charge = total_charge_nc(currents[first : last + 1])
            density = density_mc_cm2(charge, self.electrode_diameter_um)
            phase = f"{place_of(phases, unit, first, last)} = {charge:.1f} nC"
            if not abs(charge) <= self.limit("max_charge_nc"):
                return f"{phase}, limit {self.limit('max_charge_nc'):g} nC"
            if not density <= (most := self.limit("max_density_mc_cm2")):
                return f"{phase} = {density:.2f} mC/cm2, limit {most:g} mC/cm2{self.strictness}"
        return None

    def _as_current(self, phases: Phases, unit: str) -> Phases:
        """Return the phases in uA; none where the current is unknown."""
        if unit == "uA":
            return phases
        if self.impedance_kohm is None:
            return ()
        return [(uv / 1000 / self.impedance_kohm, width_us) for uv, width_us in phases]

    def _of_train(self, phases: Phases, rate_hz: float, n_pulses: int) -> str | None:
        if not 0 < rate_hz <= self.limit("max_rate_hz"):
            return f"train: {rate_hz:g} pulses per s, limit {self.limit('max_rate_hz'):g}"
        if n_pulses < 1:
            return f"train: {n_pulses} pulses, must be finite and at least 1"
        if n_pulses / rate_hz > self.limit("max_train_s"):
            return f"train: {n_pulses / rate_hz:.1f} s, limit {self.limit('max_train_s'):g} s"
        width_us = total_us(phases)
        if width_us * rate_hz >= 1e6:
            return f"train: pulses of {width_us:g} us at {rate_hz:g} Hz run into each other"
        return None
