"""The settings of a simulated culture."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class CultureSettings(BaseModel):
    """A simulated culture on an array."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0)  # the culture: its cells and their wiring
    course: int = Field(
        0, ge=0
    )  # all that happens by chance in it; differs from session to session
    n_cells: PositiveInt = 1000  # on the array's plane; some 390 per mm2 on a 60MEA200, chosen
    stdp: bool = False  # whether synapses change with the order of spikes
    silenced: bool = False  # no cell fires, as under TTX; noise and artefact stay
    silenced_s: tuple[tuple[float, float], ...] = ()  # the same in windows [from, to) of its clock
    noise_uv: PositiveFloat = 4.0  # rms on each electrode; a 60MEA has 3 to 5
