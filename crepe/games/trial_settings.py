"""Settings of a game of trials."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from crepe.conditions import Block
from crepe.safety.pulse import Unit


class TrialSettings(BaseModel):
    """The settings of `crepe.games.trial_game.Game`: values and their bounds, without the game."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_trials: PositiveInt = 10
    """Number of trials in a session without blocks."""
    player: Literal["script", "person", "sensor"] = "script"
    """Origin of the gestures: the script (from the seed), `crepe gesture`, or the sensor
    gateway."""

    rest_s: PositiveFloat = 1.5
    """Rest before each trial."""
    stimulation_s: PositiveFloat = 1.0
    """Length of the train of pulses that encodes the gesture."""
    response_s: PositiveFloat = 0.3
    """Length of the response window after the last pulse."""
    delay_s: PositiveFloat = 0.05
    """Time from the request of a stimulus to its first pulse."""
    electrodes: tuple[str, ...] | Mapping[str, tuple[str, ...]] = Field(min_length=1)
    """Labels of the stimulated electrodes: the same for all gestures, or by gesture."""
    rates_hz: Mapping[str, PositiveFloat] = Field(min_length=1)
    """Pulses per second, by gesture."""
    phases: tuple[tuple[float, float], ...]
    """Phases of a pulse, each (amplitude in `unit`, width in us)."""
    unit: Unit = "uA"
    """Unit of amplitudes: "uA" for current pulses, "uV" for voltage pulses."""
    answer_is: Literal["most", "last"] = "most"
    """The decision of a response that counts: the most frequent one, or the last, for a readout
    that looks at a window of the response's length."""
    waits_for_start: bool = False
    """Begin paused, until the command `start`."""
    blocks: tuple[Block, ...] = ()
    """The conditions in order of time; none: `n_trials` trials without a condition."""
    decisions: Mapping[str, str] = Field(default_factory=dict)
    """By condition, the stream whose decisions count in it; all others: the first of `reads`."""

    def accepted_decisions(self) -> tuple[str, ...] | None:
        """Return the gestures: the readout should decide the one that was shown."""
        return tuple(self.rates_hz)

    @model_validator(mode="after")
    def _check_trials(self) -> Self:
        if isinstance(self.electrodes, Mapping):
            lacking = sorted(set(self.rates_hz) - set(self.electrodes))
            if lacking:
                raise ValueError(f"electrodes: none for {', '.join(lacking)}")
        if self.blocks and self.player != "script":
            raise ValueError(f"player: {self.player!r}, must be 'script' where there are blocks")
        return self
