"""The report's sentences: what a number says, and what it does not."""

from crepe.conditions import SHAM, SILENCED
from crepe.report.numbers import (
    About,
    ConditionScore,
    Decoding,
    ReadoutNumbers,
    Spread,
    Stimuli,
    Timing,
)
from crepe.report.style import named

MULTI_UNIT = (
    "A spike here is a threshold crossing. Crossings are multi-unit activity: they are not sorted "
    "into cells, and those within a few milliseconds of a pulse may be its artefact."
)
INTERVALS = (
    "The 95 % intervals are Wilson's and take trials as independent. p is the part of random "
    "permutations of the gestures, within blocks, in which as many trials or more are decoded "
    "rightly; it is not corrected for the number of conditions."
)
DECODED = (
    "Accuracy is the fraction of finished trials in which the decoded gesture is the gesture that "
    "was shown; a trial in which nothing was decoded counts as wrong, and a trial whose pulses "
    "were refused counts like any other. It says how well a linear "
    "readout, or whatever decided here, tells the gestures apart in the activity it was given, and "
    "nothing about what the culture does of itself. “won” is the game's "
    "word for a trial that was decoded correctly."
)
NOT_MEASURED = "not measured"
CONTROLS = (SHAM, SILENCED, "shuffled", "random")
_ALPHA = 0.05


def p_text(p_value: float) -> str:
    """As in a sentence."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def interval_text(ci95: tuple[float, float]) -> str:
    return f"{ci95[0]:.2f} to {ci95[1]:.2f}"


def chance_text(found: Decoding) -> str:
    """What guessing would give."""
    names = ", ".join(found.gestures)
    return (
        f"There are {len(found.gestures)} gestures ({names}), so guessing is right in "
        f"{found.chance:.2f} of the trials on average."
    )


def verdict(one: ConditionScore, chance: float) -> str:
    """One condition in a sentence; a null result is called one."""
    said = (
        f"{named(one.condition)}: {one.n_right} of {one.n_trials} trials were decoded correctly "
        f"({one.accuracy:.2f}, 95 % interval {interval_text(one.ci95)}; chance {chance:.2f})"
    )
    if one.p_value < _ALPHA:
        return f"{said}: more than by chance ({p_text(one.p_value)})."
    return (
        f"{said}: no more than chance can explain ({p_text(one.p_value)}). This is a null result."
    )


def controls_text(found: Decoding) -> str:
    """What to expect of the controls that there are; empty without any."""
    names = [one.condition for one in found.conditions if one.condition in CONTROLS]
    if not names:
        return ""
    return f"Controls, of which a null result is expected: {', '.join(names)}."


def ended_text(about: About) -> str:
    """Whether the session is whole."""
    if about.has_ended:
        return "ended in good order"
    if not about.is_closed:
        return "no end is marked: the session was cut off, or still runs"
    return "stopped after the game's end" if about.is_game_over else "stopped in good order"


def readout_text(one: ReadoutNumbers) -> str:
    """Where a readout comes from, and what its cross-validation found."""
    whose = f"[actors.{one.actor}]" if one.actor else "Trained on this session"
    if one.problem:
        return f"{whose}: nothing is known of its calibration. {one.problem}"
    low_high = interval_text(one.ci95) if one.ci95 else "-"
    said = (
        f"{whose}: trained on {one.n_trials} trials in {one.n_blocks} blocks of session "
        f"{one.session or 'unknown'}; cross-validated accuracy, a block left out at a time, "
        f"{one.accuracy:.2f} (95 % interval {low_high})."
    )
    if one.labels_permuted:
        said += (
            f" This is the accuracy of the readout it is the control of; its own weights were "
            f"trained {one.labels_permuted} times on permuted labels."
        )
    return said


def since_text(one: ReadoutNumbers) -> str:
    """How long after the calibration the session began."""
    if one.calibrated_before_s is None:
        return "Time from the calibration to this session: not measured (no wall clock in it)."
    return (
        f"The session began {one.calibrated_before_s / 60:.0f} minutes after that of the "
        "calibration, by their IDs."
    )


def spread_text(found: Spread | None) -> str:
    if found is None:
        return NOT_MEASURED
    return (
        f"median {found.p50:.1f} ms, 99 % below {found.p99:.1f} ms, "
        f"longest {found.max:.1f} ms ({found.n} trains)"
    )


def latency_text(timing: Timing, about: About) -> str:
    """By the wall clock, or why there is none."""
    if timing.latency_ms is None and about.started_at is None:
        return f"{NOT_MEASURED}: the session ran without a wall clock"
    if timing.latency_ms is None:
        return f"{NOT_MEASURED}: no pulse was started"
    return spread_text(timing.latency_ms)


def stimuli_text(found: Stimuli) -> str:
    states = ", ".join(f"{n} {state}" for state, n in found.states.items())
    return (
        f"{found.n_asked} pulse trains were asked for: {states}. "
        f"Trains delivered to their end hold {found.n_delivered_pulses} pulses."
    )
