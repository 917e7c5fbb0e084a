"""Settings of Pong, each with its published value where there is one; see also config/pong.toml.

"Published": in the public replication code of DishBrain (Kagan et al. 2022, Neuron 110:3952);
confirm a value at PMC9747182 before it is quoted. Voltages there are of another array: here the
gate's limits (`crepe.safety.limits.Limits`) win.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    model_validator,
)

from crepe.conditions import OPEN_LOOP, STIMULATION, Block
from crepe.safety.pulse import Unit

Phases = tuple[tuple[float, float], ...]


class PongSettings(BaseModel):
    """The settings of `Pong`: values and their bounds, without the game."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    player: Literal["script", "person", "sensor"] = "script"
    """Origin of the serves: the script (at once), `crepe gesture`, or the sensor gateway."""
    waits_for_start: bool = False
    """Begin paused, until the command `start`."""
    session_s: PositiveFloat = 1200.0
    """Length of a session without blocks. Published: 20 min."""
    blocks: tuple[Block, ...] = ()
    """The conditions in order of time; none: the closed loop, as long as the session lasts."""
    decisions: Mapping[str, str] = Field(default_factory=dict)
    """By condition, the stream whose decisions move the paddle; others: the first of `reads`."""

    # The court
    step_s: PositiveFloat = Field(0.01, le=0.1)
    """Interval at which ball and paddle move. Published: 10 ms."""
    ball_speed: float = Field(0.585, gt=0, le=10)
    """Courts per second towards the paddle. 1.71 s of flight: in a published session's log the next
    event of the ball came 9.71 s after each miss, of which feedback took 8."""
    steepest: NonNegativeFloat = 1.0
    """Largest slope of a serve (a ratio); each is drawn evenly up to it. Chosen."""
    paddle_size: float = Field(0.3, gt=0, lt=1)
    """Fraction of its wall that the paddle covers. Chosen."""
    paddle_speed: PositiveFloat = 0.8
    """Courts per second that the paddle moves while there is a decision. Chosen."""
    shown_hz: PositiveFloat = 25.0
    """Rate at which the court is published."""

    # Stimuli that encode the ball
    delay_s: PositiveFloat = 0.05
    """Time from the request of a stimulus to its first pulse."""
    sites: tuple[str, ...] = Field(min_length=2)
    """Labels of the sensory electrodes, bottom to top. Published: 8."""
    phases: Phases
    """Phases of a pulse, each (amplitude in `unit`, width in us). Published: 75 mV, phases of 200
    us."""
    unit: Unit = "uA"
    """Unit of amplitudes: "uA" for current pulses, "uV" for voltage pulses."""
    rates_hz: tuple[PositiveFloat, PositiveFloat] = (4.0, 40.0)
    """Pulses per second for a ball at the far wall and at the paddle's. Published: 4 to 40."""
    pulse_s: PositiveFloat = 0.02
    """Time that the stimulator is busy with one pulse: at least 1 / `max_rate_hz` of the gate."""

    # Feedback
    hit_rate_hz: PositiveFloat = 50.0
    """Rate of the predictable train after a hit, on all sites. Published: 100; the gate's limit is
    50."""
    hit_s: NonNegativeFloat = 0.1
    """Length of the predictable train. Published: 100 ms."""
    miss_phases: Phases
    """Phases of an unpredictable pulse, in the unit of `phases`. Published: twice 75 mV."""
    miss_rate_hz: PositiveFloat = 5.0
    """Mean rate of unpredictable pulses, each at a random site and time. Published: 5."""
    miss_s: NonNegativeFloat = 4.0
    """Duration of the unpredictable pulses. Published: 4 s."""
    silence_s: NonNegativeFloat = 4.0
    """Time without pulses between the unpredictable ones and the next serve. Published: 4 s."""

    @model_validator(mode="after")
    def _pulses_fit(self) -> Self:
        if len(set(self.sites)) != len(self.sites):
            raise ValueError("sites: an electrode is named twice")
        for name, rate in (("rates_hz", max(self.rates_hz)), ("miss_rate_hz", self.miss_rate_hz)):
            if rate * self.pulse_s > 1:
                raise ValueError(f"{name}: {rate:g}, more than one pulse in pulse_s")
        return self

    @model_validator(mode="after")
    def _blocks_follow_each_other(self) -> Self:
        for before, block in pairwise(self.blocks):
            if block.start_s < before.stop_s:
                raise ValueError(
                    f"blocks: one begins at {block.start_s:g} s, before {before.stop_s:g} s"
                )
        names = [block.condition for block in self.blocks]
        if OPEN_LOOP in names:
            if STIMULATION not in names[: names.index(OPEN_LOOP)]:
                raise ValueError(f"blocks: {OPEN_LOOP!r} has no earlier {STIMULATION!r} to replay")
            if self.player != "script":
                raise ValueError(f"blocks: {OPEN_LOOP!r} cannot replay what {self.player!r} serves")
        return self
