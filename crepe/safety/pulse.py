"""The arithmetic of one pulse: phases, widths, charges. No limits here."""

# Decision 19: why phases are merged.

from collections.abc import Sequence
from math import pi
from typing import Literal

Phases = Sequence[tuple[float, float]]  # (amplitude in uA or uV, width in us), in order of time
Unit = Literal["uA", "uV"]


def merged(phases: Phases) -> list[tuple[int, int]]:
    """Return the phases as they act on the electrode: first and last index of each.

    Consecutive phases of one sign are one phase, with the pauses between them.
    """
    spans: list[tuple[int, int]] = []
    for i, (amplitude, _) in enumerate(phases):
        if amplitude == 0:
            continue
        if spans and (phases[spans[-1][0]][0] > 0) == (amplitude > 0):
            spans[-1] = (spans[-1][0], i)
        else:
            spans.append((i, i))
    return spans


def charge_nc(current_ua: float, width_us: float) -> float:
    """Return the charge of one phase in nC."""
    return current_ua * width_us / 1000


def density_mc_cm2(charge: float, diameter_um: float) -> float:
    """Return a charge in nC over the area of a disc, in mC/cm2, without its sign."""
    area_cm2 = pi * (diameter_um / 2 * 1e-4) ** 2
    return abs(charge) * 1e-6 / area_cm2


def total_charge_nc(phases: Phases) -> float:
    """Return the charge of all phases in nC, with its sign."""
    return sum(charge_nc(*phase) for phase in phases)


def total_us(phases: Phases) -> float:
    """Return the duration of all phases."""
    return sum(width_us for _, width_us in phases)


def place_of(phases: Phases, unit: str, first: int, last: int) -> str:
    """Return a text for phases `first` to `last`: index, amplitude, width."""
    if first < last:
        return f"phases {first} to {last}: {total_us(phases[first : last + 1]):g} us"
    amplitude, width_us = phases[first]
    digits = ".1f" if round(amplitude, 1) == amplitude else "g"
    strength = f"{amplitude:{digits}} uA" if unit == "uA" else f"{amplitude / 1000:g} mV"
    return f"phase {first}: {strength} x {width_us:g} us"
