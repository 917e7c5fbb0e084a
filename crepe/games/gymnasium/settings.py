"""Settings of a game in an environment of Gymnasium."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from crepe.conditions import Block
from crepe.games.gymnasium.encoders import Encoder, load_encoders
from crepe.safety.pulse import Unit

Phases = tuple[tuple[float, float], ...]
Feedback = Literal["predictable", "unpredictable", "none"]


class GymSettings(BaseModel):
    """The settings of `GymGame`: values and their bounds, without the game."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )

    env: str = Field(min_length=1)
    """ID of the environment, such as `CartPole-v1`; `module:ID` imports that module first, also
    from the directory of the experiment file."""
    env_options: Mapping[str, Any] = Field(default_factory=dict)
    """Options that `gymnasium.make` passes to the environment."""
    waits_for_start: bool = False
    """Begin paused, until the command `start`."""
    session_s: PositiveFloat = 1200.0
    """Length of a session without blocks."""
    blocks: tuple[Block, ...] = ()
    """The conditions in order of time; none: the closed loop, as long as the session lasts."""
    decisions: Mapping[str, str] = Field(default_factory=dict)
    """By condition, the stream whose decisions act; all others: the first of `reads`."""

    # The environment
    step_s: PositiveFloat = 0.02
    """Time between two steps of the environment."""
    tick_s: PositiveFloat = Field(0.01, le=0.1)
    """Interval at which pulses are requested; steps come on its grid."""
    actions: Mapping[str, int | float | tuple[float, ...]] = Field(min_length=1)
    """By decision, the action: a number of a discrete space, or the values of a box, in the
    environment's unit."""
    undecided: str = ""
    """The decision that a step without one counts as; empty: the last one holds, and before any the
    first of `actions`."""
    shown_hz: NonNegativeFloat = 10.0
    """Rate at which the picture is published; 0: never."""
    shown_pixels: PositiveInt = 200
    """Longest side of the published picture, in pixels; larger ones are thinned out."""

    # Stimuli that encode the observation
    encoders: Annotated[tuple[Encoder, ...], BeforeValidator(load_encoders)] = Field(min_length=1)
    """Tables with an import path in `run`, each a code of one value: see
    `crepe.games.gymnasium.encoders`."""
    delay_s: PositiveFloat = 0.05
    """Time from the request of a stimulus to its first pulse."""
    phases: Phases
    """Phases of a pulse, each (amplitude in `unit`, width in us)."""
    unit: Unit = "uA"
    """Unit of amplitudes: "uA" for current pulses, "uV" for voltage pulses."""
    pulse_s: PositiveFloat = 0.02
    """Time that the stimulator is busy with one pulse: at least 1 / `max_rate_hz` of the gate."""

    # Feedback
    rewarded_above: float | None = None
    """A step whose reward (in the environment's unit) is higher is followed by the predictable
    train."""
    punished_below: float | None = None
    """A step whose reward (in the environment's unit) is lower is followed by unpredictable
    pulses."""
    on_termination: Feedback = "none"
    """Feedback where the environment ends the episode and the reward calls for none."""
    predictable_hz: PositiveFloat = 50.0
    """Rate of the predictable train, on all sites."""
    predictable_s: NonNegativeFloat = 0.1
    """Length of the predictable train."""
    unpredictable_phases: Phases = ()
    """Phases of an unpredictable pulse, in the unit of `phases`; none: those of `phases`."""
    unpredictable_hz: PositiveFloat = 5.0
    """Mean rate of unpredictable pulses, each at a random site and time."""
    unpredictable_s: NonNegativeFloat = 4.0
    """Duration of the unpredictable pulses; the environment stands still."""
    silence_s: NonNegativeFloat = 4.0
    """Time without pulses after the unpredictable ones; the environment stands still."""

    @property
    def sites(self) -> tuple[str, ...]:
        """All stimulated electrodes, each once."""
        return tuple(dict.fromkeys(s for encoder in self.encoders for s in encoder.sites))

    @model_validator(mode="after")
    def _pulses_fit(self) -> Self:
        total_hz = sum(encoder.highest_total_hz for encoder in self.encoders)
        for name, rate in (("encoders", total_hz), ("unpredictable_hz", self.unpredictable_hz)):
            if rate * self.pulse_s > 1:
                raise ValueError(
                    f"{name}: up to {rate:g} pulses per second, one every {self.pulse_s:g} s "
                    f"(pulse_s) allows {1 / self.pulse_s:g}"
                )
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.undecided and self.undecided not in self.actions:
            raise ValueError(
                f"undecided: {self.undecided!r}, must be one of {', '.join(self.actions)}"
            )
        if self.tick_s > self.step_s:
            raise ValueError(f"tick_s: {self.tick_s:g}, longer than step_s, {self.step_s:g}")
        for before, block in pairwise(self.blocks):
            if block.start_s < before.stop_s:
                raise ValueError(
                    f"blocks: one begins at {block.start_s:g} s, before {before.stop_s:g} s"
                )
        return self
