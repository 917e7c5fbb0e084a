"""The settings of a simulated culture."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class CultureSettings(BaseModel):
    """A simulated culture on an array."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0)
    """Number from which the culture follows: its cells and their wiring."""
    course: int = Field(0, ge=0)
    """Number from which all that happens by chance in the culture follows; differs from session to
    session."""
    n_cells: PositiveInt = 1000
    """Number of cells on the array's plane; 1000 are some 390 per mm2 on a 60MEA200, chosen."""
    stdp: bool = False
    """Whether synapses change with the order of spikes."""
    silenced: bool = False
    """Whether no cell fires, as under TTX; noise and artefact stay."""
    silenced_s: tuple[tuple[float, float], ...] = ()
    """Windows [from, to) of the culture's clock in which no cell fires."""
    # Decision 111: what a block changes.
    blocked: bool = False
    """Whether excitatory synapses have no effect and do not change, as under NBQX and APV, which
    block AMPA and NMDA receptors."""
    blocked_s: tuple[tuple[float, float], ...] = ()
    """Windows [from, to) of the culture's clock in which excitatory synapses are blocked."""
    noise_uv: PositiveFloat = 4.0
    """Noise on each electrode, root mean square; a 60MEA has 3 to 5."""
