"""The settings of a simulated culture."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

NETWORK = "crepe.culture.network:Network"


class Preset(StrEnum):
    """Kinds of cultures; see the table of sources in the explanation of the simulated culture."""

    STANDARD = "standard"
    """The defaults."""
    YOUNG = "young"
    """About a week in vitro: half the synapses, at half the distance; no network bursts."""
    MATURE = "mature"
    """More than a month in vitro: half as many synapses more; shorter, higher network bursts."""
    SPARSE = "sparse"
    """160 cells with fewer synapses, some 60 per mm2 of a 60MEA200; no network bursts."""


class Cells(BaseModel):
    """`[culture.simulated.cells]`: synapses of the simulated cells."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_synapses: PositiveInt = 60
    """Number of synapses that each cell makes; chosen."""
    reach_um: tuple[PositiveFloat, PositiveFloat] = (220.0, 160.0)
    """Mean distance of synapses from an excitatory and an inhibitory cell; the number falls
    exponentially. Chosen."""
    excitation: NonNegativeFloat = 1.4
    """Mean strength of an excitatory synapse, in the unit of a cell's current (Izhikevich 2003);
    chosen."""
    inhibition: NonNegativeFloat = 2.2
    """Mean strength of an inhibitory synapse, in the same unit; with 0 the culture is as under
    bicuculline."""
    release: float = Field(0.35, ge=0, le=1)
    """Fraction of the remaining resources of an excitatory synapse that a spike uses (Tsodyks and
    Markram 1997); chosen. It ends network bursts."""
    recovery_ms: PositiveFloat = 700.0
    """Time constant with which these resources recover."""


# Why these numbers: decision 108.
PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    Preset.STANDARD: {},
    Preset.YOUNG: {"cells": {"n_synapses": 30, "reach_um": (110.0, 80.0)}},
    Preset.MATURE: {"cells": {"n_synapses": 90}},
    Preset.SPARSE: {"n_cells": 160, "cells": {"n_synapses": 24}},
}


class CultureSettings(BaseModel):
    """A simulated culture on an array."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0)
    """Number from which the culture follows: its cells and their wiring."""
    course: int = Field(0, ge=0)
    """Number from which all that happens by chance in the culture follows; differs from session to
    session."""
    preset: Preset = Preset.STANDARD
    """Kind of culture: other defaults of `n_cells` and `cells`."""
    n_cells: PositiveInt = 1000
    """Number of cells on the array's plane; 1000 are some 390 per mm2 on a 60MEA200, chosen."""
    cells: Cells = Cells()
    """Synapses of the cells."""
    network: str = NETWORK
    """Import path of the network of cells, of the class `CellNetwork`."""
    spacing_um: PositiveFloat = 200.0
    """Distance of neighbouring electrodes."""
    stdp: bool = False
    """Whether synapses change with the order of spikes, and scale with the rates of cells."""
    silenced: bool = False
    """Whether no cell fires, as under TTX; noise and artefact stay."""
    silenced_s: tuple[tuple[float, float], ...] = ()
    """Windows [from, to) of the culture's clock in which no cell fires."""
    noise_uv: PositiveFloat = 4.0
    """Noise on each electrode, root mean square; a 60MEA has 3 to 5."""
    # Decision 111: what a block changes.
    blocked: bool = False
    """Whether excitatory synapses have no effect and do not change, as under NBQX and APV, which
    block AMPA and NMDA receptors."""
    blocked_s: tuple[tuple[float, float], ...] = ()
    """Windows [from, to) of the culture's clock in which excitatory synapses are blocked."""

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, values: Any) -> Any:
        """Let the preset's values stand where none is set."""
        try:
            preset = PRESETS[Preset(values["preset"])]
        except (KeyError, TypeError, ValueError):
            return values  # the field itself says what is wrong with it
        cells = values.get("cells", {})
        if not isinstance(cells, Mapping):
            return {**preset, **values}
        return {**preset, **values, "cells": {**preset.get("cells", {}), **cells}}
