"""Pulse trains as patterns of an RHS controller: quantised, checked, one key each.

RHX checks nothing of this: an amplitude above 255 steps programs one phase only, a duration under
a sample none.
"""

# Decision 74: why patterns are fixed before a run.

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from crepe.errors import ConfigError
from crepe.hw.rhx.channels import is_channel
from crepe.hw.rhx.commands import Value
from crepe.messages import Stimulus

N_KEYS = 8  # F1 to F8
STEPS_UA = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MOST_STEPS = 255
_MOST_PULSES = 256
_LONGEST_PHASE_US = 5000.0
_LONGEST_PERIOD_US = 1e6
_SETTLE_US = 1000  # RHX's defaults: amplifiers settle after a pulse, and no other may begin
_REFRACTORY_US = 1000
_WHOLE = 1e-6


@dataclass(frozen=True)
class Pattern:
    """A train that the controller holds under one key."""

    key: int  # 1 for F1
    electrodes: tuple[str, ...]
    phases: tuple[tuple[float, float], ...]
    rate_hz: float
    n_pulses: int
    parameters: Mapping[str, Value]  # of each of its channels, in the order in which they are set
    lasts_s: float  # from the trigger until another may follow

    def is_for(self, stimulus: Stimulus) -> bool:
        """Return whether it is this train."""
        return (
            set(self.electrodes) == set(stimulus.electrodes)
            and self.phases == stimulus.phases
            and (self.rate_hz, self.n_pulses) == (stimulus.rate_hz, stimulus.n_pulses)
            and stimulus.unit == "uA"
        )


def refusal(stimulus: Stimulus, step_ua: float, rate_hz: float) -> str | None:
    """Return why a train can be no pattern of the controller, or None: place, value, limit.

    Parameters
    ----------
    step_ua
        The controller's step of stimulation currents.
    rate_hz
        Its sampling rate, by whose periods it counts time.
    """
    if stimulus.unit != "uA":
        return f"RHX: unit {stimulus.unit}, must be uA: it drives currents only"
    for label in stimulus.electrodes:
        if not is_channel(label):
            return f"RHX: electrode {label}: no amplifier channel, such as A-010"
    if not stimulus.electrodes:
        return "RHX: no electrode"
    numbers = [stimulus.rate_hz, *(x for phase in stimulus.phases for x in phase)]
    if not all(isfinite(number) for number in numbers):
        return f"RHX: phases {stimulus.phases} at {stimulus.rate_hz} Hz, all must be finite"
    return _of_phases(stimulus.phases, step_ua, rate_hz) or _of_train(stimulus, rate_hz)


def _of_phases(
    phases: tuple[tuple[float, float], ...], step_ua: float, rate_hz: float
) -> str | None:
    if len(phases) not in (2, 3) or (len(phases) == 3 and phases[1][0] != 0):
        return f"RHX: {len(phases)} phases, must be 2, or 2 with a pause between"
    (first_ua, first_us), (second_ua, second_us) = phases[0], phases[-1]
    if first_ua == 0 or first_ua != -second_ua or first_us != second_us:
        return (
            f"RHX: phases {first_ua:g} uA x {first_us:g} us and {second_ua:g} uA x "
            f"{second_us:g} us, must be opposite and of equal size: the controller rounds each"
        )
    steps = abs(first_ua) / step_ua
    if abs(steps - round(steps)) > _WHOLE * max(1.0, steps) or round(steps) < 1:
        return f"RHX: {abs(first_ua):g} uA, must be a multiple of its step of {step_ua:g} uA"
    if round(steps) > _MOST_STEPS:
        return (
            f"RHX: {abs(first_ua):g} uA, limit {_MOST_STEPS * step_ua:g} uA: {_MOST_STEPS} steps "
            f"of {step_ua:g} uA"
        )
    for _, width_us in phases:
        samples = width_us * rate_hz / 1e6
        if abs(samples - round(samples)) > _WHOLE * max(1.0, samples) or round(samples) < 1:
            return (
                f"RHX: a phase or pause of {width_us:g} us, must be whole samples of "
                f"{1e6 / rate_hz:g} us"
            )
        if width_us > _LONGEST_PHASE_US:
            return f"RHX: a phase or pause of {width_us:g} us, limit {_LONGEST_PHASE_US:g} us"
    return None


def _of_train(stimulus: Stimulus, rate_hz: float) -> str | None:
    if not 1 <= stimulus.n_pulses <= _MOST_PULSES:
        return f"RHX: {stimulus.n_pulses} pulses, must be 1 to {_MOST_PULSES}"
    if stimulus.n_pulses == 1:
        return None
    if stimulus.rate_hz <= 0 or (period_us := _period_us(stimulus, rate_hz)) > _LONGEST_PERIOD_US:
        return f"RHX: {stimulus.rate_hz:g} pulses per s, must be 1 or more"
    busy_us = _pulse_us(stimulus) + _REFRACTORY_US
    if period_us <= busy_us:
        return (
            f"RHX: a pulse each {period_us:g} us, must be more than {busy_us:g} us: pulse and "
            "refractory time"
        )
    return None


def patterns_of(trains: Iterable[Stimulus], step_ua: float, rate_hz: float) -> tuple[Pattern, ...]:
    """Return the patterns for all trains of an experiment; equal trains share one.

    Raises ConfigError: for a train that can be no pattern, more than eight, or an electrode in two
    of them, since a channel holds one.
    """
    patterns: list[Pattern] = []
    pattern_at: dict[str, Pattern] = {}
    for train in trains:
        if reason := refusal(train, step_ua, rate_hz):
            raise ConfigError(reason)
        if any(pattern.is_for(train) for pattern in patterns):
            continue
        pattern = _pattern(len(patterns) + 1, train, rate_hz)
        if pattern.key > N_KEYS:
            raise ConfigError(f"RHX: more than {N_KEYS} different trains; a key holds one")
        for label in pattern.electrodes:
            if label in pattern_at:
                raise ConfigError(
                    f"RHX: electrode {label} is in the trains {_text(pattern_at[label])} and "
                    f"{_text(pattern)}; a channel holds one: use other electrodes for each"
                )
            pattern_at[label] = pattern
        patterns.append(pattern)
    return tuple(patterns)


def _pattern(key: int, train: Stimulus, rate_hz: float) -> Pattern:
    (first_ua, width_us), pause_us = train.phases[0], sum(us for _, us in train.phases[1:-1])
    is_train = train.n_pulses > 1
    period_us = _period_us(train, rate_hz) if is_train else 0.0
    parameters: dict[str, Value] = {
        "shape": "BiphasicWithInterphaseDelay" if pause_us else "Biphasic",
        "polarity": "NegativeFirst" if first_ua < 0 else "PositiveFirst",
        "source": f"KeyPressF{key}",
        "triggeredgeorlevel": "Edge",
        "triggerhighorlow": "High",
        "pulseortrain": "PulseTrain" if is_train else "SinglePulse",
        "numberofstimpulses": train.n_pulses,
        **({"pulsetrainperiodmicroseconds": period_us} if is_train else {}),
        "firstphasedurationmicroseconds": width_us,
        "secondphasedurationmicroseconds": width_us,
        "interphasedelaymicroseconds": pause_us,
        "firstphaseamplitudemicroamps": abs(first_ua),
        "secondphaseamplitudemicroamps": abs(first_ua),
        "posttriggerdelaymicroseconds": 0,
        "refractoryperiodmicroseconds": _REFRACTORY_US,
        "enableampsettle": True,
        "maintainampsettle": False,
        "prestimampsettlemicroseconds": 0,
        "poststimampsettlemicroseconds": _SETTLE_US,
        "enablechargerecovery": False,
        "stimenabled": True,
    }
    lasts_us = (train.n_pulses - 1) * period_us + _pulse_us(train) + _REFRACTORY_US
    return Pattern(
        key,
        train.electrodes,
        train.phases,
        train.rate_hz,
        train.n_pulses,
        parameters,
        lasts_us / 1e6,
    )


def _period_us(train: Stimulus, rate_hz: float) -> float:
    """Return the period in whole samples: 30.3 Hz becomes 30.303 Hz at 20 kHz."""
    return round(rate_hz / train.rate_hz) * 1e6 / rate_hz


def _pulse_us(train: Stimulus) -> float:
    return sum(us for _, us in train.phases)


def _text(pattern: Pattern) -> str:
    return f"of {pattern.n_pulses} pulses at {pattern.rate_hz:g} Hz"
